// All cameras, each in a tile.

import { load, show } from "/connection.js";
import { Sparkline } from "/sparkline.js";
import { bytes, fill, frames, latency, number, time, write } from "/words.js";

// A tile is small: so many milliseconds lie between two of its pictures, at least.
const PAUSE_MILLISECONDS = 100;

export class Grid {
  #list = document.getElementById("grid");
  #template = document.getElementById("tile");
  #tiles = new Map();
  #connection;
  #open;
  #inSight = new IntersectionObserver((changes) => {
    for (const change of changes) {
      const tile = this.#tiles.get(change.target.dataset.camera);
      if (tile) tile.see(change.isIntersecting);
    }
  });

  constructor(connection, open) {
    this.#connection = connection;
    this.#open = open;
    connection.addEventListener("picture", ({ detail }) => this.#tiles.get(detail.camera)?.show(detail));
    connection.addEventListener("open", () => this.wake());
    document.addEventListener("visibilitychange", () => this.wake());
  }

  /** Shows what is known of all cameras. */
  update(figures, recording) {
    const names = new Set();
    for (const camera of figures?.cameras ?? []) names.add(camera.name);
    for (const camera of recording?.cameras ?? []) names.add(camera.camera);
    for (const name of [...names].sort()) {
      let tile = this.#tiles.get(name);
      if (!tile) {
        tile = new Tile(name, this.#template, this.#connection, this.#open);
        this.#tiles.set(name, tile);
        this.#put(name, tile.element);
      }
      tile.update(
        figures?.cameras.find((camera) => camera.name === name),
        recording?.cameras.find((camera) => camera.camera === name),
        Boolean(figures),
      );
    }
    for (const [name, tile] of this.#tiles) {
      if (!names.has(name)) {
        tile.element.remove();
        this.#tiles.delete(name);
      }
    }
    document.getElementById("nothing").hidden = names.size > 0;
  }

  /** Asks for pictures again: those that were asked for before may not come. */
  wake() {
    for (const tile of this.#tiles.values()) tile.ask();
  }

  #put(name, element) {
    const after = [...this.#list.children].find((other) => other.dataset.camera > name);
    this.#list.insertBefore(element, after ?? null);
    this.#inSight.observe(element);
  }
}

class Tile {
  #name;
  #connection;
  #image;
  #isSeen = false;
  #isLive = false;
  #newestOnDisk = null;
  #sparkline;

  constructor(name, template, connection, open) {
    this.#name = name;
    this.#connection = connection;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.camera = name;
    this.#image = this.element.querySelector("img");
    this.#image.alt = `Newest picture of ${name}`;
    this.#sparkline = new Sparkline(this.element.querySelector("canvas"));
    write(this.element.querySelector(".name"), name);
    this.element.querySelector(".open").addEventListener("click", () => open(name));
  }

  see(isSeen) {
    this.#isSeen = isSeen;
    if (isSeen) this.ask();
  }

  ask() {
    if (this.#isSeen && !document.hidden) this.#connection.want(this.#name);
  }

  async show({ jpeg, sequence }) {
    this.#isLive = true;
    // The large picture was asked for, not this one.
    if (!this.#isSeen) return;
    await this.#display(show(this.#image, jpeg));
    this.element.dataset.sequence = sequence ?? "";
    setTimeout(() => this.ask(), PAUSE_MILLISECONDS);
  }

  async #display(shown) {
    this.#image.hidden = false;
    this.element.querySelector(".no-picture").hidden = true;
    await shown;
  }

  update(figures, part, isReceiving) {
    const status = this.element.querySelector(".status");
    const says = isReceiving ? (figures?.status ?? "unknown") : "disk";
    status.className = `status ${says}`;
    write(status, { online: "Online", offline: "Offline", unknown: "Unknown", disk: "On disk" }[says]);
    this.element.classList.toggle("offline", says === "offline");
    fill(this.element.querySelector(".figures"), [...ofFigures(figures), ...ofPart(part)]);
    this.element.querySelector(".latency").hidden = !isReceiving;
    if (isReceiving) {
      const seconds = figures?.latency ?? null;
      this.#sparkline.add(seconds);
      const words = seconds && `p50 ${latency(seconds.p50_seconds)}, p99 ${latency(seconds.p99_seconds)}`;
      write(this.element.querySelector(".latency-words"), words ?? "No frames at the moment");
    }
    if (!this.#isLive && part && part.last !== this.#newestOnDisk) this.#showFromDisk(part.last);
  }

  /** What is on disk is shown until something comes. */
  async #showFromDisk(last) {
    this.#newestOnDisk = last;
    const [frame] = await (await fetch(`/frames/${this.#name}?at=${last}`)).json();
    if (!frame || this.#isLive) return;
    await this.#display(load(this.#image, `/picture/${frame.place}`));
    this.element.dataset.sequence = frame.sequence ?? "";
  }
}

function ofFigures(figures) {
  if (!figures) return [];
  const said = [
    ["fps", figures.frames_per_second.toFixed(1)],
    ["missing", figures.missing ? `${number(figures.missing)} in ${number(figures.gaps)} gaps` : "0", figures.missing > 0],
    ["dropped", number(figures.given_up), figures.given_up > 0],
    ["duplicates", number(figures.duplicates)],
  ];
  if (figures.available !== null) said.push(["spool", frames(figures.available)]);
  if (figures.clock_ahead_seconds !== null) {
    const direction = figures.clock_ahead_seconds > 0 ? "ahead" : "behind";
    said.push(["clock", `${latency(Math.abs(figures.clock_ahead_seconds))} ${direction}`, true]);
  }
  return said;
}

function ofPart(part) {
  if (!part) return [];
  return [["on disk", `${frames(part.frames)}, ${bytes(part.bytes)}`], ["newest", time(part.last)]];
}
