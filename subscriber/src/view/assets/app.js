// The page: all cameras or one of them large, as the address says behind its #.

import { Connection } from "/connection.js";
import { Grid } from "/grid.js";
import { Large } from "/large.js";
import { bytes, fill, frames, number, write } from "/words.js";

const connection = new Connection();
const grid = new Grid(connection, (camera) => { location.hash = camera; });
const large = new Large(connection, () => { location.hash = ""; });
let figures = null;
let recording = null;

connection.addEventListener("figures", ({ detail }) => {
  figures = detail;
  update();
});
connection.addEventListener("recording", ({ detail }) => {
  recording = detail;
  update();
});
connection.addEventListener("open", () => say("Connected", false));
connection.addEventListener("lost", () => say("No connection to the subscriber: trying again", true));
addEventListener("hashchange", route);
route();

function update() {
  grid.update(figures, recording);
  large.update(figures, recording);
  if (figures?.store_refuses) say("The disk takes no frames: the subscriber's log says why", true);
  else if (figures && !figures.is_connected) say("The subscriber has no connection to the broker", true);
  else if (recording && !recording.is_complete) say("Reading what is on disk", false);
  else say(figures ? "Receiving" : "What is on disk", false);
  fill(document.getElementById("totals"), totals());
}

function totals() {
  const said = [];
  if (figures) {
    said.push(["fps", figures.frames_per_second.toFixed(1)]);
    said.push(["rate", `${bytes(figures.bytes_per_second)}/s`]);
    said.push(["stored", number(figures.stored)]);
    said.push(["missing", number(figures.missing), figures.missing > 0]);
    said.push(["dropped", number(figures.given_up), figures.given_up > 0]);
    said.push(["duplicates", number(figures.duplicates)]);
    if (figures.disk) said.push(["disk", `${bytes(figures.disk.free)} free of ${bytes(figures.disk.total)}`]);
  }
  if (recording) {
    const sum = (figure) => recording.cameras.reduce((total, camera) => total + camera[figure], 0);
    said.push(["on disk", `${frames(sum("frames"))}, ${bytes(sum("bytes"))}`]);
  }
  return said;
}

function say(words, isBad) {
  const line = document.getElementById("connection");
  write(line, words);
  line.classList.toggle("lost", isBad);
}

/** The address says "#camera", or "#camera@time" for what is on disk. */
function route() {
  const [camera, time] = decodeURIComponent(location.hash.slice(1)).split("@");
  document.getElementById("all").hidden = Boolean(camera);
  if (camera) large.open(camera, time ? Number(time) : null);
  else large.close();
  large.update(figures, recording);
  grid.wake();
}
