// What is looked at, kept in the address: whoever is sent it sees the same.
//
//   #plot=a.b.c,a.b.d&plot=e.f.g   each `plot` one chart of fields
//   &range=900                     the last 900 seconds, live; or
//   &from=…&to=…                   a fixed range, seconds since 1970
//   &agent=cryo-1&filter=cryo&night=1

import { Signal } from "./dom.js";

export const limits = { plots: 12, fieldsOfPlot: 8, shortest: 1, longest: 50 * 366 * 86400 };

export const view = {
  plots: [],
  range: 900,
  from: null,
  to: null,
  agent: null,
  filter: "",
  night: false,
};

export const changed = new Signal();

const isFieldName = (name) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(name);

function read() {
  const address = new URLSearchParams(location.hash.slice(1));
  view.plots = address.getAll("plot")
    .map((text) => text.split(",").filter(isFieldName).slice(0, limits.fieldsOfPlot))
    .filter((fields) => fields.length > 0)
    .slice(0, limits.plots);
  const range = Number(address.get("range"));
  view.range = range >= limits.shortest && range <= limits.longest ? range : 900;
  const [from, to] = [Number(address.get("from")), Number(address.get("to"))];
  const isFixed = from > 0 && to - from >= limits.shortest / 1000 && to - from <= limits.longest;
  [view.from, view.to] = isFixed ? [from, to] : [null, null];
  view.agent = address.get("agent");
  view.filter = address.get("filter") ?? "";
  view.night = document.documentElement.classList.contains("night");
}

function written() {
  // Names hold nothing that needs escaping, and a readable address is easier to pass on.
  const parts = view.plots.map((fields) => `plot=${fields.join(",")}`);
  if (view.from !== null) parts.push(`from=${view.from.toFixed(3)}`, `to=${view.to.toFixed(3)}`);
  else if (view.range !== 900) parts.push(`range=${view.range}`);
  if (view.agent) parts.push(`agent=${encodeURIComponent(view.agent)}`);
  if (view.filter) parts.push(`filter=${encodeURIComponent(view.filter)}`);
  if (view.night) parts.push("night=1");
  return `#${parts.join("&")}`;
}

// Changes what is looked at. A new range, agent or plot is a step that Back undoes; what is typed
// letter by letter is not.
export function change(values, { isStep = true } = {}) {
  Object.assign(view, values);
  const address = written();
  if (address !== location.hash) {
    history[isStep ? "pushState" : "replaceState"](null, "", address);
  }
  changed.emit(values);
}

export function open() {
  read();
  addEventListener("popstate", () => {
    read();
    changed.emit({ ...view });
  });
}

export const isLive = () => view.from === null;

// The range that is shown, in seconds; `now` is where a live one ends.
export function shownRange(now) {
  return isLive() ? [now - view.range, now] : [view.from, view.to];
}

// Adds a field: to the plot of that index, or to the first that has the same unit and room,
// or as a new plot.
export function addField(name, { plot = null, unit, unitOf } = {}) {
  if (view.plots.some((fields) => fields.includes(name)) && plot === null) return;
  const plots = view.plots.map((fields) => fields.filter((field) => plot === null || field !== name));
  const hasRoom = (fields) => fields.length < limits.fieldsOfPlot;
  let target = plot === null ? undefined : plots[plot];
  if (plot === null && unitOf) {
    target = plots.find((fields) => hasRoom(fields) && fields.every((field) => unitOf(field) === unit));
  }
  if (target && hasRoom(target)) target.push(name);
  else if (plots.length < limits.plots) plots.push([name]);
  change({ plots: plots.filter((fields) => fields.length > 0) });
}

export function removeField(name) {
  const plots = view.plots.map((fields) => fields.filter((field) => field !== name));
  change({ plots: plots.filter((fields) => fields.length > 0) });
}
