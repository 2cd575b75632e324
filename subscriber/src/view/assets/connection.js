// The one connection of this page: pictures, figures and what is on disk come over it.
//
// A picture is asked for when the last one has been shown. So a slow browser gets fewer pictures, and never an old one.

const RETRY_MILLISECONDS = 1000;

export class Connection extends EventTarget {
  #socket = null;
  #heading = null;
  #wanted = new Set();
  #isAsking = false;

  constructor() {
    super();
    this.#connect();
  }

  /** Asks for the next picture of a camera that this page has not got. */
  want(camera) {
    this.#wanted.add(camera);
    if (this.#isAsking) return;
    this.#isAsking = true;
    queueMicrotask(() => this.#ask());
  }

  #ask() {
    this.#isAsking = false;
    if (this.#socket?.readyState !== WebSocket.OPEN || this.#wanted.size === 0) return;
    this.#socket.send(JSON.stringify({ want: [...this.#wanted] }));
    this.#wanted.clear();
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/live`);
    socket.binaryType = "blob";
    socket.onopen = () => {
      this.dispatchEvent(new Event("open"));
      this.#ask();
    };
    socket.onmessage = (message) => this.#hear(message.data);
    socket.onclose = () => {
      this.dispatchEvent(new Event("lost"));
      this.#enterAgain();
      setTimeout(() => this.#connect(), RETRY_MILLISECONDS);
    };
    this.#socket = socket;
  }

  /** Where the token has changed, it is asked for. */
  async #enterAgain() {
    const answer = await fetch("/app.js", { cache: "no-store" }).catch(() => null);
    if (answer?.status === 401) location.reload();
  }

  #hear(data) {
    if (typeof data !== "string") {
      const detail = { ...this.#heading, jpeg: new Blob([data], { type: "image/jpeg" }) };
      this.dispatchEvent(new CustomEvent("picture", { detail }));
      return;
    }
    const said = JSON.parse(data);
    if (said.picture) this.#heading = said.picture;
    if (said.figures) this.dispatchEvent(new CustomEvent("figures", { detail: said.figures }));
    if (said.recording) this.dispatchEvent(new CustomEvent("recording", { detail: said.recording }));
  }
}

/** Shows a picture in an image, and resolves once it is there. The one before it is let go of. */
export async function show(image, jpeg) {
  const before = image.src;
  await load(image, URL.createObjectURL(jpeg));
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
}

/** Gives an image a source, and resolves once it is loaded or broken: a broken picture is followed by others. (It is not waited for its
 * being decoded: a window that is not painted may never do that.) */
export function load(image, source) {
  return new Promise((resolve) => {
    image.onload = image.onerror = resolve;
    image.src = source;
  });
}
