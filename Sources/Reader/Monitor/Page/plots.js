// The plots: one range for all of them, from the archive into what is published now.

import * as view from "./view.js";
import { Chart, loadLibrary } from "./chart.js";
import { byId, make, notice, setData, setText, watchVisibility } from "./dom.js";
import { knownUnits } from "./fields.js";
import { instant } from "./format.js";
import { describe } from "./panel.js";
import * as series from "./series.js";
import { beaten, isTold, now, site, watch } from "./site.js";

const ranges = [
  [300, "5 min"], [900, "15 min"], [3600, "1 h"], [6 * 3600, "6 h"], [86400, "24 h"], [7 * 86400, "7 d"],
  [30 * 86400, "30 d"],
];

// Seconds after which a fixed range counts as archived for good.
const settling = 30;

// Seconds between two questions to the archive while a range is live, and at most.
const shortestPeriod = 5, longestPeriod = 60;

const charts = new Map();   // fields joined by commas → chart
let Dygraph = null;
const zooms = [];           // the ranges that a double click goes back to

const visibility = watchVisibility((element, isVisible) => {
  const chart = charts.get(element.dataset.fields);
  if (!chart) return;
  chart.isVisible = isVisible;
  if (isVisible) draw(chart);
});

export const unitOf = (field) => knownUnits.get(field);

function setRange(values) {
  view.change({ from: null, to: null, ...values });
}

function zoomTo(from, to) {
  const { range, from: before, to: after } = view.view;
  zooms.push({ range, from: before, to: after });
  if (zooms.length > 50) zooms.shift();
  const middle = (from + to) / 2, half = Math.max(view.limits.shortest, to - from) / 2;
  // As the address has it, so that whoever gets the address sees the same samples.
  const milliseconds = (seconds) => Math.round(seconds * 1000) / 1000;
  setRange({ from: milliseconds(middle - half), to: milliseconds(Math.min(middle + half, now() + 60)) });
}

export const back = () => setRange(zooms.pop() ?? {});
export const goLive = () => setRange({});
export const setPreset = (index) => { if (ranges[index]) setRange({ range: ranges[index][0] }); };

// Moves by a part of the range, or widens it by a factor around its middle.
export function move(part, factor = 1) {
  const [from, to] = view.shownRange(now());
  const middle = (from + to) / 2 + part * (to - from);
  const half = ((to - from) / 2) * factor;
  zoomTo(middle - half, middle + half);
}

const events = {
  zoomed: zoomTo,
  back,
  pointed: (source, milliseconds) => { for (const chart of charts.values()) chart.point(milliseconds); },
  removed: (field) => view.removeField(field),
  dropped: (chart, field) => {
    const plot = view.view.plots.findIndex((fields) => fields.join() === chart.fields.join());
    if (field.split(".").length === 3) view.addField(field, { plot });
  },
};

function reconcile() {
  const wanted = view.view.plots.map((fields) => fields.join());
  for (const [key, chart] of charts) {
    if (wanted.includes(key)) continue;
    visibility.unobserve(chart.element);
    chart.abort?.abort();
    chart.close();
    charts.delete(key);
  }
  const list = byId("plots");
  view.view.plots.forEach((fields, index) => {
    const key = fields.join();
    if (!charts.has(key) && Dygraph) {
      const chart = new Chart(fields, Dygraph, events);
      charts.set(key, chart);
      visibility.observe(chart.element);
      addLimits(chart);
      list.insertBefore(chart.element, list.children[index] ?? null);
      load(chart);
    } else if (charts.has(key) && list.children[index] !== charts.get(key).element) {
      list.insertBefore(charts.get(key).element, list.children[index] ?? null);
    }
  });
  document.body.classList.toggle("has-plots", wanted.length > 0);
  watch("plots", view.view.plots.flat());
}

// Limits are told where they say something: with several fields nobody knows whose they are.
async function addLimits(chart) {
  if (chart.fields.length !== 1) return;
  const [instance, feed, field] = chart.fields[0].split(".");
  try {
    const { feeds } = await describe(instance);
    const declared = feeds.find((one) => one.feed === feed)?.fields.find((one) => one.name === field);
    if (declared?.limits) chart.limits.set(chart.fields[0], declared.limits);
  } catch {
    // An agent that is gone tells no limits; its plot is as good without.
  }
}

async function load(chart) {
  chart.abort?.abort();
  const abort = new AbortController();
  chart.abort = abort;
  const isLive = view.isLive();
  const [from, to] = view.shownRange(now());
  try {
    const loaded = await series.load(chart.fields, from, to, chart.pixels, isLive, abort.signal);
    if (abort.signal.aborted) return;
    chart.loaded = loaded;
    setData(chart.element, "loaded", isLive ? "live" : "archive");
    setData(chart.element, "samples", String(loaded.samples));
    chart.problem = undefined;
    for (const [field, unit] of Object.entries(loaded.units)) knownUnits.set(field, unit);
    const period = loaded.hasTail ? shortestPeriod : Math.min(longestPeriod, loaded.width);
    if (isLive) chart.next = now() + Math.max(shortestPeriod, period);
    // What was measured just now may still be on its way to the archive.
    else chart.next = now() - to < settling ? now() + 2 : Infinity;
    draw(chart);
  } catch (error) {
    if (error.name === "AbortError") return;
    chart.tell(`no data: ${error.message}`);
    chart.next = now() + shortestPeriod;
  }
}

function draw(chart) {
  if (!chart.loaded || !chart.isVisible) return;
  const range = view.shownRange(now());
  chart.range = range;
  setData(chart.element, "seconds", String(Math.round(range[1] - range[0])));
  chart.draw(series.table(chart.fields, chart.loaded, site.samples), ...range);
}

function showRange() {
  for (const button of byId("ranges").children) {
    const isThis = view.isLive() && Number(button.dataset.range) === view.view.range;
    button.setAttribute("aria-pressed", isThis);
  }
  const text = byId("shown-range");
  text.hidden = view.isLive();
  if (view.isLive()) return;
  text.replaceChildren(
    `${instant(view.view.from)} to ${instant(view.view.to)} UTC `,
    make("button", { textContent: "back to live (l)", onclick: goLive }));
}

export function restyle() {
  for (const chart of charts.values()) chart.restyle();
}

// A live range moves on with each beat; the archive is asked again now and then.
function tick() {
  if (document.hidden) return;
  for (const chart of charts.values()) {
    if (!chart.isVisible) continue;
    if (chart.next !== undefined && now() >= chart.next) {
      chart.next = Infinity;
      load(chart);
    } else if (view.isLive()) draw(chart);
  }
}

function makeRanges() {
  byId("ranges").replaceChildren(...ranges.map(([seconds, text], index) => make("button", {
    textContent: text, title: `the last ${text} (${index + 1})`, data: { range: seconds },
    onclick: () => setRange({ range: seconds }),
  })));
}

export async function open() {
  makeRanges();
  showRange();
  document.body.classList.toggle("has-plots", view.view.plots.length > 0);
  const plots = byId("plots");
  plots.addEventListener("dragover", (event) => event.preventDefault());
  plots.addEventListener("drop", (event) => {
    event.preventDefault();
    const field = event.dataTransfer.getData("text/plain");
    if (field.split(".").length === 3) view.addField(field);
  });
  let isOpen = false;
  const start = async () => {
    if (isOpen || !isTold() || view.view.plots.length === 0) return;
    isOpen = true;
    try {
      Dygraph = await loadLibrary();
    } catch (error) {
      setText(plots, error.message);
      notice(error.message, "bad");
      return;
    }
    reconcile();
  };
  view.changed.on((values) => {
    start();
    if ("plots" in values) reconcile();
    if ("from" in values || "range" in values) {
      showRange();
      for (const chart of charts.values()) load(chart);
    }
  });
  beaten.on(() => { start(); tick(); });
  watch("plots", view.view.plots.flat());
  start();
}
