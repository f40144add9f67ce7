// One chart: several fields over one range, drawn by dygraphs.

import { make, setData, setText } from "./dom.js";
import { NumberStyle, clock, date, duration, instant, number, scaleOf } from "./format.js";

let library = null;
// dygraphs is a file of the system's package, not of this program, so it may be absent.
export function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const sheet = (href) => make("link", { rel: "stylesheet", href });
    const own = new URL("./plots.css", import.meta.url).href;
    const script = make("script", { src: "monitor/installed/dygraph.min.js" });
    script.onload = () => {
      const { Dygraph } = globalThis;
      // Its legend writes style attributes, which the page's policy forbids; ours has its place.
      Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);
      resolve(Dygraph);
    };
    script.onerror = () => reject(new Error(
      "There are no plots, since the reader's host lacks dygraphs: apt-get install libjs-dygraphs"));
    document.head.append(sheet("monitor/installed/dygraph.min.css"), sheet(own), script);
  });
  return library;
}

// A long name breaks behind its dots.
const breakable = (name) => name.split(".").flatMap((part, index) => (index === 0 ? [part] : [".", make("wbr"), part]));

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colours = (count) => Array.from({ length: count }, (_, index) => css(`--line-${(index % 8) + 1}`));

// Ticks say the date where a day begins, so a range of days reads without counting.
function tickText(milliseconds, granularity, options, dygraph) {
  const seconds = milliseconds / 1000;
  const [from, to] = dygraph.xAxisRange();
  if (to - from > 2 * 86400e3) {
    const midnight = seconds % 86400 === 0;
    return midnight ? date(seconds).slice(5) : `${date(seconds).slice(5)} ${clock(seconds).slice(0, 5)}`;
  }
  if (to - from < 20e3) return clock(seconds) + (seconds % 1).toFixed(1).slice(1);
  return to - from < 20 * 60e3 ? clock(seconds) : clock(seconds).slice(0, 5);
}

function valueText(chart, value, dygraph) {
  const [low, high] = dygraph.yAxisRange();
  const units = Object.values(chart.loaded?.units ?? {});
  if (units.length > 0 && units.every((unit) => unit === "B")) {
    const { factor, unit } = scaleOf(Math.max(Math.abs(low), Math.abs(high)), "B");
    const decimals = Math.max(0, Math.min(3, 1 - Math.floor(Math.log10((high - low) / factor / 4 || 1))));
    return `${(value / factor).toFixed(decimals)} ${unit}`;
  }
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
  const decimals = Math.max(0, Math.min(6, 1 - Math.floor(Math.log10((high - low) / 4 || 1))));
  return value.toFixed(decimals);
}

export class Chart {
  // `events` has zoomed(from, to), back(), pointed(chart, milliseconds or null), removed(field),
  // dropped(chart, field).
  constructor(fields, Dygraph, events) {
    this.fields = fields;
    this.events = events;
    this.loaded = null;
    this.limits = new Map();
    this.isVisible = true;
    this.isDragging = false;
    this.styles = fields.map(() => new NumberStyle());
    this.canvas = make("div", { className: "canvas" });
    this.cursor = make("div", { className: "cursor", hidden: true });
    this.note = make("p", { className: "note" });
    this.legend = make("ul", { className: "legend" });
    this.element = make("figure", { className: "plot", data: { fields: fields.join(",") } },
      this.legend, make("div", { className: "frame" }, this.canvas, this.cursor), this.note);
    this.#makeLegend();
    this.#acceptDrops();
    this.Dygraph = Dygraph;
    this.canvas.addEventListener("pointerdown", () => { this.isDragging = true; });
    this.letGo = () => { this.isDragging = false; };
    addEventListener("pointerup", this.letGo);
    this.sizes = new ResizeObserver(() => this.graph?.resize());
    this.sizes.observe(this.canvas);
  }

  close() {
    removeEventListener("pointerup", this.letGo);
    this.sizes.disconnect();
    this.graph?.destroy();
    this.element.remove();
  }

  #makeLegend() {
    this.values = this.fields.map(() => make("span", { className: "value" }));
    this.bands = this.fields.map(() => make("span", { className: "band" }));
    this.unitTexts = this.fields.map(() => make("span", { className: "unit" }));
    this.legend.replaceChildren(...this.fields.map((field, index) => make("li", {
      draggable: true,
      data: { line: (index % 8) + 1 },
      ondragstart: (event) => event.dataTransfer.setData("text/plain", field),
    },
    make("i"), make("b", {}, ...breakable(field)), this.values[index], this.unitTexts[index], this.bands[index],
    make("button", { textContent: "×", title: `remove ${field}`, onclick: () => this.events.removed(field) }))));
  }

  #acceptDrops() {
    this.element.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.element.classList.add("target");
    });
    this.element.addEventListener("dragleave", () => this.element.classList.remove("target"));
    this.element.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.element.classList.remove("target");
      this.events.dropped(this, event.dataTransfer.getData("text/plain"));
    });
  }

  get pixels() { return this.canvas.clientWidth || 600; }

  // Draws rows as `series.table` makes them, over [from, to] in seconds.
  draw(rows, from, to) {
    if (this.isDragging) return;
    this.rows = rows;
    // What is drawn, for whoever cannot see it.
    setData(this.element, "points", String(rows.length));
    const range = [from * 1000, to * 1000];
    // dygraphs cannot draw nothing.
    const file = rows.length > 0 ? rows : [[range[0], ...this.fields.map(() => [null, null, null])]];
    if (!this.graph) this.#create(file, range);
    else this.graph.updateOptions({ file, dateWindow: range });
    this.#showValues(this.pointedAt ?? null);
    if (this.pointedAt) this.point(this.pointedAt);
  }

  #create(file, range) {
    const defaults = this.Dygraph.defaultInteractionModel;
    this.graph = new this.Dygraph(this.canvas, file, {
      ...this.#style(),
      labels: ["time", ...this.fields],
      dateWindow: range,
      customBars: true,
      connectSeparatedPoints: true,
      drawGapEdgePoints: true,
      legend: "never",
      labelsUTC: true,
      strokeWidth: 1.3,
      fillAlpha: 0.28,
      highlightCircleSize: 3,
      rightGap: 8,
      xRangePad: 0,
      yRangePad: 6,
      axes: {
        x: { ticker: this.Dygraph.dateTicker, axisLabelFormatter: tickText, axisLabelWidth: 66, pixelsPerLabel: 84 },
        y: { axisLabelFormatter: (value, granularity, options, dygraph) => valueText(this, value, dygraph), axisLabelWidth: 62, pixelsPerLabel: 26 },
      },
      // Without its touch handlers: on a phone a finger scrolls the page.
      interactionModel: {
        mousedown: defaults.mousedown,
        willDestroyContextMyself: true,
        dblclick: () => this.events.back(),
      },
      highlightCallback: (event, x) => this.events.pointed(this, x),
      unhighlightCallback: () => this.events.pointed(this, null),
      zoomCallback: (low, high) => this.#zoomed(low, high),
      underlayCallback: (context, area, graph) => this.#underlay(context, area, graph),
    });
  }

  #style() {
    return {
      colors: colours(this.fields.length),
      gridLineColor: css("--grid"),
      axisLineColor: css("--line"),
    };
  }

  // The colours have changed.
  restyle() {
    this.graph?.updateOptions(this.#style());
  }

  #zoomed(low, high) {
    const [from, to] = this.range;
    // A vertical drag leaves the time as it was.
    if (Math.abs(low / 1000 - from) < 1e-3 && Math.abs(high / 1000 - to) < 1e-3) return;
    this.isDragging = false;
    this.events.zoomed(low / 1000, high / 1000);
  }

  // What is missing, and the limits, behind the lines.
  #underlay(context, area, graph) {
    context.save();
    context.beginPath();
    context.rect(area.x, area.y, area.w, area.h);
    context.clip();
    for (const gap of this.loaded?.gaps ?? []) {
      const left = graph.toDomXCoord(gap.from * 1000);
      const width = Math.max(2, graph.toDomXCoord(gap.to * 1000) - left);
      context.fillStyle = css(gap.kind === "retention" ? "--gap-kept" : "--gap");
      context.fillRect(left, area.y, width, area.h);
    }
    context.setLineDash([4, 4]);
    context.strokeStyle = css("--limit");
    for (const limits of this.limits.values()) {
      for (const limit of limits) {
        const y = Math.round(graph.toDomYCoord(limit)) + 0.5;
        context.beginPath();
        context.moveTo(area.x, y);
        context.lineTo(area.x + area.w, y);
        context.stroke();
      }
    }
    context.restore();
  }

  // Shows the cursor of all plots at a time, or none.
  point(milliseconds) {
    this.pointedAt = milliseconds;
    this.#showValues(milliseconds);
    if (milliseconds === null || !this.graph) {
      this.cursor.hidden = true;
      return;
    }
    const x = this.graph.toDomXCoord(milliseconds);
    const area = this.graph.getArea();
    this.cursor.hidden = x < area.x || x > area.x + area.w;
    this.cursor.style.transform = `translateX(${Math.round(x)}px)`;
  }

  #showValues(milliseconds) {
    this.fields.forEach((field, index) => {
      const [, low, mid, high] = this.#at(milliseconds, index) ?? [];
      const { factor, unit } = scaleOf(mid, this.loaded?.units[field]);
      setText(this.values[index], mid === undefined ? "–" : this.styles[index].text(mid / factor));
      setText(this.unitTexts[index], unit);
      setText(this.bands[index], low !== undefined && low !== high ? `${number(low / factor)} … ${number(high / factor)}` : "");
    });
    this.#showNote(milliseconds);
  }

  // The point of a field nearest to that time, or its last; none where it has a gap.
  #at(milliseconds, index) {
    const rows = this.rows ?? [];
    let best, distance = Infinity;
    if (milliseconds === null) {
      for (let at = rows.length - 1; at >= 0; at -= 1) {
        const [low, mid, high] = rows[at][index + 1];
        if (mid !== null && !Number.isNaN(mid)) return [rows[at][0], low, mid, high];
      }
      return undefined;
    }
    for (const row of rows) {
      const [low, mid, high] = row[index + 1];
      const away = Math.abs(row[0] - milliseconds);
      if (mid === null || away >= distance) continue;
      distance = away;
      best = Number.isNaN(mid) ? undefined : [row[0], low, mid, high];
    }
    return best;
  }

  #showNote(milliseconds) {
    const { gaps = [], tier, width } = this.loaded ?? {};
    const told = (gap) => `${gap.kind === "retention" ? "removed by retention" : "missing"}: ${gap.cause}`
      + `${gap.count ? `, ${gap.count} records` : ""}, ${instant(gap.from)} to ${clock(gap.to)}`;
    if (milliseconds !== null) {
      const seconds = milliseconds / 1000;
      const slack = (this.range[1] - this.range[0]) / this.pixels;
      const here = gaps.filter((gap) => gap.from - slack <= seconds && seconds <= gap.to + slack);
      setText(this.note, [instant(seconds), ...here.slice(0, 3).map(told)].join(" · "));
      return;
    }
    const isEmpty = this.loaded && this.fields.every((_, index) => this.#at(null, index) === undefined);
    const resolution = isEmpty ? "no samples in this range" : width ? `min–max and mean of ${duration(width)}` : "";
    const missing = gaps.length === 0 ? "" : gaps.length === 1 ? told(gaps[0]) : `${gaps.length} gaps, newest ${told(gaps.at(-1))}`;
    setText(this.note, this.problem ?? [resolution, tier && tier !== "raw" ? `from the ${tier} tier` : "", missing].filter(Boolean).join(" · "));
  }

  tell(problem) {
    this.problem = problem;
    this.#showNote(this.pointedAt ?? null);
  }
}
