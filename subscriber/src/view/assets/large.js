// One camera, large: live, or what is on disk, frame by frame.

import { load, show } from "/connection.js";
import { Timeline } from "/timeline.js";
import { bytes, frames, isoTime, number, time, write } from "/words.js";

const FRAMES_AHEAD = 64;
const LONGEST_PAUSE_MILLISECONDS = 1000;

const element = (id) => document.getElementById(id);

export class Large {
  #connection;
  #timeline = new Timeline();
  #camera = null;
  // The frame that is shown from disk; null while live.
  #frame = null;
  #isPlaying = false;
  #isReceiving = false;
  #part = null;
  #marks = { start: null, end: null };
  // One question at a time: of those that come meanwhile, the last is asked.
  #busy = false;
  #waiting = null;

  constructor(connection, back) {
    this.#connection = connection;
    connection.addEventListener("picture", ({ detail }) => this.#showLive(detail));
    connection.addEventListener("open", () => this.#ask());
    document.addEventListener("visibilitychange", () => this.#ask());
    this.#timeline.addEventListener("scrub", ({ detail }) => this.#do(() => this.#goTo(`at=${detail}`)));
    const keys = {
      back: [back, "Escape"],
      first: [() => this.#ends("first"), "Home"],
      previous: [() => this.#step("before"), "ArrowLeft"],
      play: [() => this.#togglePlaying(), " "],
      next: [() => this.#step("after"), "ArrowRight"],
      last: [() => this.#ends("last"), "End"],
      live: [() => this.#goLive(), "l"],
      "zoom-in": [() => this.#timeline.zoom(0.5), "+"],
      "zoom-out": [() => this.#timeline.zoom(2), "-"],
      "zoom-all": [() => this.#timeline.zoomAll(), "0"],
      "mark-start": [() => this.#mark("start"), "["],
      "mark-end": [() => this.#mark("end"), "]"],
    };
    for (const [id, [action]] of Object.entries(keys)) element(id).addEventListener("click", action);
    addEventListener("keydown", (event) => {
      if (!this.#camera || event.ctrlKey || event.altKey || event.metaKey) return;
      // A button that has the focus is pressed by the space bar as everywhere.
      if (event.key === " " && event.target.closest("button, a")) return;
      const found = Object.values(keys).find(([, key]) => key === event.key);
      if (!found) return;
      event.preventDefault();
      found[0]();
    });
  }

  /** Shows a camera, live or at a time on disk. */
  open(camera, at) {
    if (camera !== this.#camera) {
      this.#camera = camera;
      this.#part = null;
      this.#marks = { start: null, end: null };
      this.#timeline.open(camera);
      write(element("large-name"), camera);
      element("picture").removeAttribute("src");
      element("picture").alt = `Picture of ${camera}`;
      element("large").hidden = false;
      element("back").focus({ preventScroll: true });
      this.#sayMarks();
      this.#goLive();
    }
    if (at !== null && at !== this.#frame?.time) this.#do(() => this.#goTo(`at=${at}`));
  }

  close() {
    this.#camera = null;
    this.#isPlaying = false;
    this.#frame = null;
    element("large").hidden = true;
  }

  update(figures, recording) {
    this.#isReceiving = Boolean(figures);
    if (!this.#camera || !(figures || recording)) return;
    const status = figures?.cameras.find((camera) => camera.name === this.#camera)?.status ?? (figures ? "unknown" : "disk");
    element("large-status").className = `status ${status}`;
    write(element("large-status"), { online: "Online", offline: "Offline", unknown: "Unknown", disk: "On disk" }[status]);
    element("live").hidden = !figures;
    const isFirst = this.#part === null;
    this.#part = recording?.cameras.find((camera) => camera.camera === this.#camera) ?? null;
    if (!this.#part) return;
    this.#timeline.setBounds(this.#part.first, this.#part.last);
    if (isFirst && !this.#isReceiving && !this.#frame) this.#ends("last");
  }

  #goLive() {
    this.#isPlaying = false;
    this.#frame = null;
    this.#sayMode();
    this.#ask();
  }

  #ask() {
    if (this.#camera && !this.#frame && !document.hidden) this.#connection.want(this.#camera);
  }

  async #showLive(picture) {
    if (picture.camera !== this.#camera || this.#frame || element("large").hidden) return;
    await show(element("picture"), picture.jpeg);
    if (this.#frame || picture.camera !== this.#camera) return;
    this.#sayFrame(picture.time, picture.sequence);
    this.#ask();
  }

  /** Does `work`, unless something is being done: then it, or what comes after it, is done next. */
  async #do(work) {
    this.#waiting = work;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting) {
      const next = this.#waiting;
      this.#waiting = null;
      await next().catch(() => {});
    }
    this.#busy = false;
  }

  async #find(question) {
    const answer = await fetch(`/frames/${this.#camera}?${question}`);
    return answer.ok ? answer.json() : [];
  }

  async #goTo(question) {
    this.#isPlaying = false;
    const [frame] = await this.#find(question);
    if (frame) await this.#showFrame(frame);
  }

  #ends(which) {
    if (this.#part) this.#do(() => this.#goTo(`at=${this.#part[which]}`));
  }

  #step(direction) {
    this.#do(() => {
      const from = this.#frame;
      if (from) return this.#goTo(`${direction}=${from.place}`);
      return this.#part ? this.#goTo(`at=${this.#part.last}`) : Promise.resolve();
    });
  }

  async #showFrame(frame) {
    const camera = this.#camera;
    // It is loaded before it is shown: nothing flickers, and what is said is what is seen.
    const url = `/picture/${frame.place}`;
    await load(new Image(), url);
    if (camera !== this.#camera) return;
    const image = element("picture");
    if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
    image.src = url;
    this.#frame = frame;
    this.#sayMode();
    this.#sayFrame(frame.time, frame.sequence);
    history.replaceState(null, "", `#${camera}@${frame.time}`);
  }

  #togglePlaying() {
    this.#isPlaying = !this.#isPlaying;
    this.#sayMode();
    if (this.#isPlaying) this.#do(() => this.#play());
  }

  /** Plays what is on disk as fast as it was taken; a longer pause is cut short. */
  async #play() {
    if (!this.#frame && this.#part) {
      const [first] = await this.#find(`at=${this.#part.first}`);
      if (first) await this.#showFrame(first);
    }
    while (this.#isPlaying && this.#frame) {
      const ahead = await this.#find(`after=${this.#frame.place}&most=${FRAMES_AHEAD}`);
      if (ahead.length === 0) break;
      for (const frame of ahead) {
        const began = performance.now();
        const pause = Math.min(LONGEST_PAUSE_MILLISECONDS, (frame.time - this.#frame.time) / 1000);
        await this.#showFrame(frame);
        await new Promise((resume) => { setTimeout(resume, Math.max(0, pause - (performance.now() - began))); });
        if (!this.#isPlaying || !this.#frame || this.#waiting) break;
      }
      if (this.#waiting) break;
    }
    this.#isPlaying = false;
    this.#sayMode();
  }

  #sayMode() {
    const isLive = !this.#frame;
    element("mode").classList.toggle("disk", !isLive);
    write(element("mode"), isLive ? "Live" : "On disk");
    element("live").setAttribute("aria-pressed", String(isLive));
    element("play").setAttribute("aria-pressed", String(this.#isPlaying));
    write(element("play"), this.#isPlaying ? "Pause" : "Play");
    const download = element("download-frame");
    download.setAttribute("aria-disabled", String(isLive));
    if (isLive) download.removeAttribute("href");
    else download.href = `/picture/${this.#frame.place}?download=1`;
    this.#timeline.setAt(this.#frame?.time ?? null);
  }

  #sayFrame(at, sequence) {
    const taken = element("taken");
    write(taken, time(at));
    taken.dateTime = isoTime(at);
    write(element("number"), sequence ? `frame ${number(sequence)}` : "");
    element("large").dataset.sequence = sequence ?? "";
  }

  #mark(which) {
    const at = this.#frame?.time ?? this.#part?.last ?? null;
    this.#marks[which] = at;
    const { start, end } = this.#marks;
    if (start !== null && end !== null && start > end) this.#marks = { start: end, end: start };
    this.#sayMarks();
  }

  async #sayMarks() {
    const { start, end } = this.#marks;
    this.#timeline.setMarks(this.#marks);
    const isWhole = start !== null && end !== null;
    for (const kind of ["zip", "mjpeg"]) {
      const link = element(`download-${kind}`);
      link.setAttribute("aria-disabled", String(!isWhole));
      if (isWhole) link.href = `/download/${this.#camera}/${kind}?from=${start}&to=${end}`;
      else link.removeAttribute("href");
    }
    let words = "Mark a start and an end to download what is between them.";
    if (isWhole) {
      const answer = await fetch(`/timeline/${this.#camera}?from=${start}&to=${end}&slots=1`);
      const stretch = await answer.json();
      words = `${time(start)} to ${time(end)}: up to ${frames(stretch.frames)}, ${bytes(stretch.bytes)}`;
    } else if (start !== null || end !== null) {
      words = start !== null ? `From ${time(start)}: mark an end` : `To ${time(end)}: mark a start`;
    }
    write(element("stretch"), words);
  }
}
