// Time on disk: how many frames there are, what is missing in red, what is marked, and where one is.

import { frames, isoTime, time, write } from "/words.js";

const SHORTEST = 2_000_000;
const PAUSE_MILLISECONDS = 80;

export class Timeline extends EventTarget {
  #canvas = document.getElementById("timeline");
  #camera = null;
  #bounds = { first: 0, last: 1 };
  #view = null;
  #data = null;
  #at = null;
  #marks = { start: null, end: null };
  #isScrubbing = false;
  #fetching = null;

  constructor() {
    super();
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#isScrubbing = true;
      this.#scrub(event);
    });
    canvas.addEventListener("pointermove", (event) => { if (this.#isScrubbing) this.#scrub(event); });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.#isScrubbing = false; });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.3 : 1 / 1.3, this.#timeAt(event));
    }, { passive: false });
    new ResizeObserver(() => this.#fetchSoon()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  open(camera) {
    this.#camera = camera;
    this.#view = this.#data = this.#at = null;
    this.#marks = { start: null, end: null };
    this.#draw();
  }

  /** What there is of the camera on disk. */
  setBounds(first, last) {
    const hasChanged = first !== this.#bounds.first || last !== this.#bounds.last;
    this.#bounds = { first, last };
    if (hasChanged || !this.#data) this.#fetchSoon();
  }

  /** Where one is, in microseconds; the view follows. */
  setAt(at) {
    this.#at = at;
    const view = this.#view;
    if (view && at !== null && !this.#isScrubbing && (at < view.from || at > view.to)) {
      const half = (view.to - view.from) / 2;
      this.#view = { from: Math.round(at - half), to: Math.round(at + half) };
      this.#fetchSoon();
    }
    const { first, last } = this.#bounds;
    const percent = at === null ? 100 : ((at - first) / Math.max(1, last - first)) * 100;
    this.#canvas.setAttribute("aria-valuenow", Math.min(100, Math.max(0, percent)).toFixed(1));
    this.#canvas.setAttribute("aria-valuetext", at === null ? "Live" : time(at));
    this.#draw();
  }

  setMarks(marks) {
    this.#marks = marks;
    this.#draw();
  }

  /** Shows a stretch that is longer by `factor`, around `middle`. */
  zoom(factor, middle = this.#at ?? this.#bounds.last) {
    const { from, to } = this.#shown();
    const length = Math.max(SHORTEST, (to - from) * factor);
    if (length >= this.#bounds.last - this.#bounds.first) return this.zoomAll();
    const part = Math.min(1, Math.max(0, (middle - from) / (to - from)));
    this.#view = { from: Math.round(middle - part * length), to: Math.round(middle + (1 - part) * length) };
    this.#fetchSoon();
  }

  zoomAll() {
    this.#view = null;
    this.#fetchSoon();
  }

  #shown() {
    const { first, last } = this.#bounds;
    return this.#view ?? { from: first, to: Math.max(last, first + SHORTEST) };
  }

  #timeAt(event) {
    const box = this.#canvas.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const { from, to } = this.#shown();
    return Math.round(from + part * (to - from));
  }

  #scrub(event) {
    this.dispatchEvent(new CustomEvent("scrub", { detail: this.#timeAt(event) }));
  }

  #fetchSoon() {
    this.#draw();
    this.#fetching ??= setTimeout(() => this.#fetch(), PAUSE_MILLISECONDS);
  }

  async #fetch() {
    const camera = this.#camera;
    const { from, to } = this.#shown();
    const slots = Math.round(this.#canvas.clientWidth);
    if (camera && slots > 0) {
      const answer = await fetch(`/timeline/${camera}?from=${from}&to=${to}&slots=${slots}`).catch(() => null);
      if (answer?.ok && camera === this.#camera) this.#data = await answer.json();
    }
    this.#fetching = null;
    this.#draw();
  }

  #draw() {
    const canvas = this.#canvas;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const scale = devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name);
    const { from, to } = this.#shown();
    const x = (at) => ((at - from) / (to - from)) * width;
    const data = this.#data;
    if (data) {
      const most = Math.max(...data.slots, 0.001);
      pen.fillStyle = colour("--accent");
      const each = (data.to - data.from) / data.slots.length;
      data.slots.forEach((count, nth) => {
        if (count === 0) return;
        const tall = Math.max(3, (count / most) * (height - 14));
        const left = x(data.from + nth * each);
        pen.fillRect(left, height - tall, Math.max(1, x(data.from + (nth + 1) * each) - left), tall);
      });
      pen.fillStyle = colour("--bad");
      for (const gap of data.gaps) pen.fillRect(x(gap.from), 0, Math.max(3, x(gap.to) - x(gap.from)), height);
      this.#say(data);
    }
    const { start, end } = this.#marks;
    if (start !== null || end !== null) {
      pen.globalAlpha = 0.25;
      pen.fillStyle = colour("--old");
      const [left, right] = [x(start ?? end), x(end ?? start)];
      pen.fillRect(left, 0, Math.max(2, right - left), height);
      pen.globalAlpha = 1;
    }
    if (this.#at !== null) {
      pen.fillStyle = colour("--ink");
      pen.fillRect(x(this.#at) - 1, 0, 2, height);
    }
    for (const [id, at] of [["from", from], ["to", to]]) {
      const element = document.getElementById(id);
      write(element, this.#data ? time(at) : "");
      element.dateTime = isoTime(at);
    }
  }

  #say(data) {
    const words = document.getElementById("gaps");
    const missing = data.gaps.reduce((sum, gap) => sum + gap.frames, 0);
    const gaps = `${data.gaps.length}${data.more_gaps ? " or more" : ""} ${data.gaps.length === 1 ? "gap" : "gaps"}`;
    write(words, missing ? `${frames(missing)} missing in ${gaps}` : "No gaps");
    words.classList.toggle("some", missing > 0);
  }
}
