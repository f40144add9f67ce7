// A tile for each agent. Only those in view are written to, and only what has changed.

import { byId, make, setData, setText, settled, watchVisibility } from "./dom.js";
import * as format from "./format.js";
import { beaten, heartbeatAge, isFresh, linkChanged, rowsChanged, site, stateOf } from "./site.js";
import { change, changed, view } from "./view.js";

const tiles = new Map();   // instance → {element, parts, isVisible, …}

const visibility = watchVisibility((element, isVisible) => {
  const tile = tiles.get(element.dataset.agent);
  if (!tile) return;
  tile.isVisible = isVisible;
  if (isVisible) refresh(tile);
});

function makeTile(instance) {
  const part = (name) => make("span", { className: name });
  const parts = Object.fromEntries(
    ["name", "state", "what", "age", "doing", "rate"].map((name) => [name, part(name)]));
  const element = make("button", {
    className: "tile",
    data: { agent: instance },
    onclick: () => change({ agent: view.agent === instance ? null : instance }),
  },
  make("div", {}, parts.name, parts.state),
  make("div", {}, parts.what, parts.age),
  make("div", {}, parts.doing, parts.rate));
  setText(parts.name, instance);
  const tile = { instance, element, parts, isVisible: true };
  tiles.set(instance, tile);
  visibility.observe(element);
  return tile;
}

// What runs, the others are not worth a word here.
function doing(row) {
  return Object.entries(row.operations)
    .filter(([, status]) => status !== "idle" && status !== "done")
    .map(([name, status]) => (status === "running" ? name : `${name} ${status}`))
    .join(", ");
}

function refresh(tile) {
  const agent = site.agents.get(tile.instance);
  if (!agent) return;
  const { row } = agent;
  const state = stateOf(agent);
  setData(tile.element, "state", state);
  setText(tile.parts.state, state);
  // A silent agent shows for how long it has been, never its last figures as if they were new.
  setText(tile.parts.age, agent.heartbeat > 0 ? format.age(heartbeatAge(agent)) : "never");
  const fresh = isFresh(agent) && site.isLinked;
  setText(tile.parts.rate, fresh && agent.rate !== null ? `${format.rate(agent.rate)} rows/s` : "");
  setText(tile.parts.doing, isFresh(agent) ? doing(row) || "idle" : `on ${row.host || "no host"}`);
  // A fault takes the place of the class, so that all tiles are equally high.
  const count = row.faults.length;
  setText(tile.parts.what, count === 0 ? row.class : count === 1 ? row.faults[0].id : `${count} faults`);
  const isBad = row.faults.some((fault) => fault.severity !== "warning");
  setData(tile.element, "fault", count === 0 ? "" : isBad ? "bad" : "warn");
  tile.element.title = row.faults.map((fault) => `${fault.severity} ${fault.id}: ${fault.text}`).join("\n");
}

function isShown(agent) {
  const { row } = agent;
  const words = [
    row.instance, row.class, row.host, stateOf(agent), row.faults.length ? "fault" : "",
    ...Object.entries(row.operations).map(([name, status]) => `${name}:${status}`),
  ].join(" ").toLowerCase();
  return view.filter.toLowerCase().split(/\s+/).every((word) => words.includes(word));
}

function filter() {
  let shown = 0;
  for (const tile of tiles.values()) {
    const agent = site.agents.get(tile.instance);
    const hidden = !agent || !isShown(agent);
    if (tile.element.hidden !== hidden) tile.element.hidden = hidden;
    if (!hidden) shown += 1;
  }
  setText(byId("filtered"), view.filter ? `${shown} of ${tiles.size}` : `${tiles.size} agents`);
}

function select() {
  for (const tile of tiles.values()) {
    tile.element.setAttribute("aria-current", tile.instance === view.agent);
  }
}

function takeRows(names) {
  let isNew = false;
  for (const name of names) {
    if (!site.agents.has(name)) {
      tiles.get(name)?.element.remove();
      tiles.delete(name);
      continue;
    }
    if (!tiles.has(name)) {
      makeTile(name);
      isNew = true;
    }
    refresh(tiles.get(name));
  }
  if (isNew) {
    const sorted = [...tiles.keys()].sort(new Intl.Collator("en", { numeric: true }).compare);
    byId("tiles").append(...sorted.map((name) => tiles.get(name).element));
    select();
  }
  filter();
}

// The agent after (or before) the one that is looked at, of those that the filter shows.
export function step(by) {
  const shown = [...byId("tiles").children].filter((element) => !element.hidden);
  if (shown.length === 0) return;
  const at = shown.findIndex((element) => element.dataset.agent === view.agent);
  const next = shown[at < 0 ? (by > 0 ? 0 : shown.length - 1) : (at + by + shown.length) % shown.length];
  change({ agent: next.dataset.agent }, { isStep: false });
  next.scrollIntoView({ block: "nearest" });
}

export function tick() {
  for (const tile of tiles.values()) if (tile.isVisible) refresh(tile);
  if (view.filter) filter();
}

export function open() {
  const input = byId("filter");
  input.value = view.filter;
  const typed = settled(80, () => change({ filter: input.value.trim() }, { isStep: false }));
  input.addEventListener("input", typed);
  rowsChanged.on(takeRows);
  takeRows(new Set(site.agents.keys()));
  beaten.on(tick);
  linkChanged.on(tick);
  changed.on((values) => {
    if ("filter" in values) {
      if (input.value.trim() !== view.filter) input.value = view.filter;
      filter();
    }
    if ("agent" in values) select();
  });
}
