// How times, ages and numbers are written. Times are seconds since 1970, UTC.

const two = (number) => String(number).padStart(2, "0");

export function clock(seconds) {
  const time = new Date(seconds * 1000);
  return `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())}`;
}

export function localClock(seconds) {
  const time = new Date(seconds * 1000);
  const minutes = -time.getTimezoneOffset();
  const sign = minutes < 0 ? "−" : "+";
  const zone = `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  return { time: `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`, zone };
}

export function date(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

// `2026-11-21 14:29:53` in UTC.
export const instant = (seconds) => `${date(seconds)} ${clock(seconds)}`;

// The time alone today, the date too on other days.
export function since(seconds, now) {
  return date(seconds) === date(now) ? clock(seconds) : instant(seconds);
}

// An age or duration with two figures: it is read at a glance and does not flicker.
export function age(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const value = Math.max(0, seconds);
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 100) return `${Math.floor(value)} s`;
  if (value < 100 * 60) return `${Math.floor(value / 60)} min`;
  if (value < 48 * 3600) return `${Math.floor(value / 3600)} h`;
  return `${Math.floor(value / 86400)} d`;
}

// A length of time, exact: `0.05 s`, `2 min`, `1.5 h`.
export function duration(seconds) {
  const [value, unit] = seconds < 60 ? [seconds, "s"] : seconds < 3600 ? [seconds / 60, "min"] : [seconds / 3600, "h"];
  return `${Number(value.toPrecision(3))} ${unit}`;
}

// Seconds that passed, exact enough to follow a running operation.
export function elapsed(seconds) {
  const value = Math.max(0, seconds);
  if (value < 60) return `${value.toFixed(1)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${two(Math.floor(value % 60))} s`;
  return `${Math.floor(value / 3600)} h ${two(Math.floor((value % 3600) / 60))} min`;
}

// A rate with three figures.
export function rate(perSecond) {
  if (!Number.isFinite(perSecond)) return "–";
  if (perSecond === 0) return "0";
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toPrecision(3)} M`;
  if (perSecond >= 1e4) return `${(perSecond / 1e3).toPrecision(3)} k`;
  if (perSecond >= 100) return perSecond.toFixed(0);
  return perSecond.toFixed(perSecond >= 10 ? 1 : 2);
}

// How many decimals show six figures of a number, without the zeros at its end.
function decimalsOf(value) {
  const figures = Number(value.toPrecision(6)).toString();
  if (figures.includes("e")) return 0;
  const point = figures.indexOf(".");
  return point < 0 ? 0 : figures.length - point - 1;
}

// Writes the numbers of one field so that the decimal point stands still: it keeps as many
// decimals as any of its recent values needed.
export class NumberStyle {
  #decimals = 0;
  #age = 0;
  text(value) {
    if (value === null || value === undefined) return "–";
    if (typeof value === "boolean") return value ? "true" : "false";
    if (typeof value === "string") return value;
    if (!Number.isFinite(value)) return "NaN";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(4);
    if (Number.isInteger(value) && this.#decimals === 0) return String(value);
    const needed = decimalsOf(value);
    this.#age += 1;
    if (needed > this.#decimals || this.#age > 60) {
      // A field that changed its size shall not keep the decimals of long ago.
      this.#decimals = needed;
      this.#age = 0;
    }
    return value.toFixed(this.#decimals);
  }
}

// Bytes are told in the unit in which they have at most four digits before the point.
const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
export function scaleOf(value, unit) {
  if (unit !== "B" || typeof value !== "number" || !Number.isFinite(value)) return { factor: 1, unit: unit ?? "" };
  let step = 0;
  while (Math.abs(value) / 1024 ** step >= 9999.5 && step < byteUnits.length - 1) step += 1;
  return { factor: 1024 ** step, unit: byteUnits[step] };
}

// One number alone, with six figures at most.
export const number = (value) => new NumberStyle().text(value);

// A completeness: 100 % is said only of what is complete.
export function percent(part) {
  if (part === null || !Number.isFinite(part)) return "–";
  if (part >= 1) return "100 %";
  const shown = Math.min(99.99, Math.floor(part * 10000) / 100);
  return `${shown.toFixed(2)} %`;
}
