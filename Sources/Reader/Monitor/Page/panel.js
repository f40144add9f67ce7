// The panel of one agent, made from what the agent says of itself: no class needs a page of its own.

import * as api from "./api.js";
import { byId, make, setData, setText } from "./dom.js";
import { FieldTable } from "./fields.js";
import * as format from "./format.js";
import { OperationList } from "./operations.js";
import { beaten, heartbeatAge, now, rowsChanged, site, stateOf, watch } from "./site.js";
import { change, changed, view } from "./view.js";

let shown = null;   // {instance, epoch, fields, operations, parts}

// What an instance says of itself, asked once for each of its epochs.
const descriptions = new Map();
export async function describe(instance) {
  const epoch = site.agents.get(instance)?.row.epoch;
  const known = descriptions.get(instance);
  if (known && known.epoch === epoch) return known.description;
  const description = await api.describe(instance);
  if (epoch) descriptions.set(instance, { epoch, description });
  return description;
}

function close() {
  shown?.fields?.close();
  shown?.operations?.close();
  shown = null;
  watch("panel", []);
  const panel = byId("panel");
  panel.hidden = true;
  panel.replaceChildren();
}

function makeHead(instance) {
  const parts = {
    name: make("h2", { textContent: instance }),
    state: make("span", { className: "state" }),
    facts: make("span", { className: "facts" }),
    faults: make("ul", { className: "faults" }),
  };
  const button = make("button", {
    textContent: "×", title: "close (Escape)", className: "close",
    onclick: () => change({ agent: null }),
  });
  return [parts, make("header", {}, parts.name, parts.state, parts.facts, button)];
}

function refreshHead() {
  const agent = shown && site.agents.get(shown.instance);
  if (!agent) return;
  const { row } = agent;
  const state = stateOf(agent);
  setData(byId("panel"), "state", state);
  setText(shown.parts.state, state === "alive" ? state : `${state}, last heard ${agent.heartbeat ? `${format.age(heartbeatAge(agent))} ago` : "never"}`);
  setData(shown.parts.state, "state", state);
  const since = row.since > 0 ? ` · since ${format.since(row.since / 1e9, now())}` : "";
  setText(shown.parts.facts, `${row.class} on ${row.host || "no host"}${row.pid ? `, pid ${row.pid}` : ""}${since}${row.version ? ` · Cerro ${row.version}` : ""}`);
  const texts = row.faults.map((fault) => `${fault.severity} ${fault.id}${fault.subject ? ` ${fault.subject}` : ""}: ${fault.text}`);
  if (shown.faultText !== texts.join()) {
    shown.faultText = texts.join();
    shown.parts.faults.replaceChildren(...texts.map((text, index) => make("li", {
      textContent: text, data: { level: row.faults[index].severity === "warning" ? "warn" : "bad" },
    })));
  }
}

// Beside a panel the tiles have less room: the one that is looked at stays in sight. And whoever asks
// for an agent wants to see it, also below plots.
function bringIntoView(panel, wasAsked) {
  document.querySelector(".tile[aria-current='true']")?.scrollIntoView({ block: "nearest" });
  if (!wasAsked) return;
  const strip = byId("strip");
  const hidden = getComputedStyle(strip).position === "sticky" ? strip.offsetHeight : 44;
  panel.style.scrollMarginTop = `${hidden}px`;
  const { top } = panel.getBoundingClientRect();
  if (top > innerHeight * 0.6 || top < hidden) panel.scrollIntoView({ block: "start" });
}

async function show(instance, wasAsked) {
  close();
  const panel = byId("panel");
  const [parts, head] = makeHead(instance);
  const body = make("div", { className: "body" }, make("p", { textContent: "asking the agent …" }));
  panel.replaceChildren(head, parts.faults, body);
  panel.hidden = false;
  const mine = { instance, parts, epoch: site.agents.get(instance)?.row.epoch };
  shown = mine;
  refreshHead();
  let description;
  try {
    description = await describe(instance);
  } catch (error) {
    if (shown !== mine) return;
    body.replaceChildren(make("p", { className: "error", textContent: error.message }));
    bringIntoView(panel, wasAsked);
    return;
  }
  if (shown !== mine) return;
  mine.operations = new OperationList(instance, description.operations);
  mine.fields = new FieldTable(instance, description.feeds);
  body.replaceChildren(mine.operations.element, mine.fields.element);
  bringIntoView(panel, wasAsked);
  watch("panel", [instance]);
}

export function tick() {
  refreshHead();
  shown?.fields?.tick();
  shown?.operations?.tick();
}

function follow(values) {
  if (view.agent === shown?.instance || (!view.agent && !shown)) return;
  document.body.classList.toggle("has-panel", Boolean(view.agent));
  if (!view.agent) close();
  else show(view.agent, values !== undefined);
}

export function open() {
  follow();
  changed.on(follow);
  beaten.on(tick);
  rowsChanged.on((names) => {
    if (!shown || !names.has(shown.instance)) return;
    const epoch = site.agents.get(shown.instance)?.row.epoch;
    // It was started again: it may have other fields now.
    if (epoch && shown.epoch && epoch !== shown.epoch) show(shown.instance);
    else if (epoch && !shown.fields) show(shown.instance);
    else shown.operations?.follow();
  });
}
