// The status strip: is the site well, and is what this page shows true now?

import * as api from "./api.js";
import { byId, make, setData, setText } from "./dom.js";
import * as format from "./format.js";
import { beaten, faults, linkChanged, now, isTold, rowsChanged, site, stateOf } from "./site.js";
import { change } from "./view.js";

// Seconds between two questions about completeness, which changes slowly.
const completenessPeriod = 30;
// Ages of the newest sample, in seconds, at which it is worth a look, and bad.
const oldSample = 5, veryOldSample = 30;

const order = ["alive", "stale", "silent", "missing", "stopped"];
const levelOf = { alive: "good", stale: "bad", silent: "bad", missing: "warn", stopped: "quiet" };

function showClocks() {
  if (!isTold()) return;
  if (byId("site").lastText !== site.name) {
    setText(byId("site"), site.name);
    document.title = `${site.name} · Cerro`;
  }
  setText(byId("utc"), `${format.date(now())} ${format.clock(now())}`);
  const { time, zone } = format.localClock(now());
  setText(byId("local"), time);
  setText(byId("zone"), zone);
}

function showLink() {
  const link = byId("link");
  document.body.classList.toggle("unlinked", !site.isLinked);
  if (!site.isLinked) {
    setText(link, isTold() ? "reader lost" : "connecting");
    setData(link, "level", "bad");
  } else if (site.registrySeen === null || now() - site.registrySeen > 5) {
    const age = site.registrySeen === null ? "" : ` ${format.age(now() - site.registrySeen)}`;
    setText(link, `registry lost${age}`);
    setData(link, "level", "bad");
  } else {
    setText(link, "live");
    setData(link, "level", "good");
  }
}

function showNewest() {
  const element = byId("newest");
  const newest = Math.max(...[...site.agents.values()].map((agent) => agent.newest ?? -Infinity));
  const age = now() - newest;
  setText(element, Number.isFinite(age) ? format.age(age) : "none yet");
  setData(element, "level", !Number.isFinite(age) ? "quiet" : age > veryOldSample ? "bad" : age > oldSample ? "warn" : "good");
}

let shownCounts = "";
function showCounts() {
  const counts = {};
  for (const agent of site.agents.values()) {
    const state = stateOf(agent);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  const text = order.map((state) => `${state} ${counts[state] ?? 0}`).join();
  if (text === shownCounts) return;
  shownCounts = text;
  byId("counts").replaceChildren(
    ...order.filter((state) => counts[state]).map((state) =>
      make("button", {
        textContent: `${counts[state]} ${state}`,
        title: `show the agents that are ${state}`,
        data: { level: levelOf[state], state },
        onclick: () => change({ filter: state }, { isStep: false }),
      })),
  );
}

function showFaults() {
  const open = faults();
  const worst = ["critical", "error", "warning"].find((severity) =>
    open.some((fault) => fault.severity === severity));
  const button = byId("fault-count");
  setText(button, open.length === 0 ? "none" : String(open.length));
  setData(button, "level", { critical: "bad", error: "bad", warning: "warn" }[worst] ?? "good");
  if (byId("faults").hidden) return;
  const rank = { critical: 0, error: 1, warning: 2 };
  open.sort((a, b) => (rank[a.severity] ?? 3) - (rank[b.severity] ?? 3) || a.since - b.since);
  byId("faults").querySelector("tbody").replaceChildren(
    ...open.map((fault) => make("tr", {
      onclick: () => change({ agent: fault.instance }),
      data: { level: { critical: "bad", error: "bad" }[fault.severity] ?? "warn" },
    }, ...[
      fault.severity, fault.instance, fault.id, fault.subject,
      format.since(fault.since / 1e9, now()), fault.text,
    ].map((text) => make("td", { textContent: text ?? "" })))),
    ...(open.length ? [] : [make("tr", {}, make("td", { colSpan: 6, textContent: "no fault is open" }))]),
  );
}

export function toggleFaults() {
  const section = byId("faults");
  section.hidden = !section.hidden;
  byId("fault-count").setAttribute("aria-expanded", !section.hidden);
  showFaults();
}

async function askCompleteness() {
  const element = byId("completeness");
  try {
    const { timelines } = await api.completeness();
    let rows = 0, missing = 0;
    for (const { hours } of Object.values(timelines)) {
      for (const hour of hours) {
        rows += hour.rows;
        // Nobody knows how many: at least it is not complete.
        missing += hour.missing ?? 1;
      }
    }
    const part = rows + missing > 0 ? rows / (rows + missing) : null;
    setText(element, format.percent(part));
    setData(element, "level", part === null ? "quiet" : part >= 1 ? "good" : part > 0.99 ? "warn" : "bad");
    element.title = `${rows} rows in the archive, ${missing} missing`;
  } catch (error) {
    setText(element, "unknown");
    setData(element, "level", "bad");
    element.title = error.message;
  }
}

// Called once a second, whatever the stream does: no clock and no age ever stands still.
export function tick() {
  showClocks();
  showLink();
  showNewest();
  showCounts();
}

export function open() {
  byId("fault-count").addEventListener("click", toggleFaults);
  beaten.on(tick);
  rowsChanged.on(showFaults);
  linkChanged.on(showLink);
  if (isTold()) tick();
  askCompleteness();
  setInterval(askCompleteness, completenessPeriod * 1000);
}
