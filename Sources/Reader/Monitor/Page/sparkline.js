// Sparklines: ten minutes of a field in the height of a line.

import * as api from "./api.js";

const span = 600, points = 60, kept = 150;
// Fields of one question: their names have to fit into an address.
const together = 50;

export class Sparkline {
  constructor() {
    this.element = document.createElement("canvas");
    this.element.className = "spark";
    this.points = [];
    this.isAsked = false;
  }

  push(time, value) {
    const number = typeof value === "boolean" ? Number(value) : value;
    if (typeof number !== "number") return;
    if (this.points.length > 0 && time <= this.points[this.points.length - 1][0]) return;
    this.points.push([time, number]);
    if (this.points.length > kept) this.points.splice(0, 30);
  }

  // The longest that it was lately silent: a scanned channel comes less often than its feed.
  longest() {
    const times = this.points.slice(-12).map(([time]) => time);
    return Math.min(span, Math.max(0, ...times.slice(1).map((time, index) => time - times[index])));
  }

  // Puts what the archive has before what has come since.
  precede(earlier) {
    const first = this.points[0]?.[0] ?? Infinity;
    this.points = [...earlier.filter(([time]) => time < first), ...this.points];
  }

  draw(now, limits) {
    const canvas = this.element;
    const scale = devicePixelRatio || 1;
    const [width, height] = [96, 18];
    if (canvas.width !== width * scale) {
      canvas.width = width * scale;
      canvas.height = height * scale;
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const start = now - span;
    const inside = this.points.filter(([time]) => time >= start);
    if (inside.length < 2) return;
    let low = Infinity, high = -Infinity;
    for (const [, value] of inside) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (low === high) [low, high] = [low - 1, high + 1];
    const x = (time) => ((time - start) / span) * (width - 2) + 1;
    const y = (value) => height - 2 - ((value - low) / (high - low)) * (height - 4);
    const style = getComputedStyle(canvas);
    context.strokeStyle = style.color;
    context.lineWidth = 1;
    context.beginPath();
    let before = null;
    for (const [time, value] of inside) {
      // A hole of a minute is a hole.
      if (before === null || time - before > 60) context.moveTo(x(time), y(value));
      else context.lineTo(x(time), y(value));
      before = time;
    }
    context.stroke();
    if (limits && (inside.at(-1)[1] < limits[0] || inside.at(-1)[1] > limits[1])) {
      context.fillStyle = style.getPropertyValue("--bad");
      context.fillRect(width - 3, 0, 3, height);
    }
  }
}

// Asks the archive for the last minutes of those that were not asked for yet: {field: Sparkline}.
export async function fill(lines, now) {
  const names = Object.keys(lines).filter((name) => !lines[name].isAsked);
  for (let first = 0; first < names.length; first += together) {
    const part = names.slice(first, first + together);
    for (const name of part) lines[name].isAsked = true;
    const answer = await api.data(part, now - span, now, points);
    for (const name of part) {
      const timeline = name.slice(0, name.lastIndexOf("."));
      const times = answer.timeline[timeline]?.t ?? [];
      const { mean } = answer.data[name] ?? {};
      if (!mean) continue;
      const earlier = times.map((time, index) => [time, mean[index]]);
      lines[name].precede(earlier.filter(([, value]) => typeof value === "number"));
    }
  }
}
