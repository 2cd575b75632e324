// The latency of the last two minutes: the median as a line, and above it what 99 in 100 frames kept to.

const SECONDS = 120;

export class Sparkline {
  #canvas;
  #points = [];

  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** One second's latency; null if no frame came. */
  add(latency) {
    this.#points.push(latency);
    if (this.#points.length > SECONDS) this.#points.shift();
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#canvas;
    const pen = this.#canvas.getContext("2d");
    const style = getComputedStyle(this.#canvas);
    const highest = Math.max(0.001, ...this.#points.map((point) => point?.p99_seconds ?? 0));
    pen.clearRect(0, 0, width, height);
    for (const [figure, colour] of [["p99_seconds", "--soft"], ["p50_seconds", "--accent"]]) {
      pen.strokeStyle = style.getPropertyValue(colour);
      pen.lineWidth = 2;
      pen.beginPath();
      let isDrawing = false;
      this.#points.forEach((point, nth) => {
        const x = width - (this.#points.length - nth) * (width / SECONDS);
        if (point) pen[isDrawing ? "lineTo" : "moveTo"](x, height - 2 - (point[figure] / highest) * (height - 4));
        isDrawing = Boolean(point);
      });
      pen.stroke();
    }
  }
}
