// How figures and times are said.

const clock = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, hourCycle: "h23",
});
const count = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

/** A time in microseconds since 1970, by this device's clock and zone. */
export const time = (micros) => clock.format(new Date(micros / 1000));

/** The same for programs. */
export const isoTime = (micros) => new Date(micros / 1000).toISOString();

export const number = (value) => count.format(value);

export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 100 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** A short time, in seconds. */
export function latency(seconds) {
  return seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(1)} s`;
}

export const frames = (value) => `${number(value)} ${value === 1 ? "frame" : "frames"}`;

/** Fills a list with what is said of something: [term, text, whether it is bad]. What stays the same is not touched. */
export function fill(list, said) {
  while (list.children.length > said.length) list.lastChild.remove();
  said.forEach(([term, text, isBad], nth) => {
    let pair = list.children[nth];
    if (!pair) {
      pair = list.appendChild(document.createElement("div"));
      pair.append(document.createElement("dt"), document.createElement("dd"));
    }
    write(pair.firstChild, term);
    write(pair.lastChild, text);
    pair.lastChild.className = isBad ? "bad" : "";
  });
}

/** Puts text into an element, if it is another one. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
