// The site as the page knows it: one event stream feeds all of it, and tells how old it is.

import { Signal, byId } from "./dom.js";

const limits = {
  // Samples of a field that are kept to extend a plot until the archive is asked again.
  kept: 600,
  // Silence of the stream after which it counts as lost, in milliseconds; a beat comes each second.
  silence: 4000,
  // An agent's heartbeat comes each second; older than a lease (five) is stale.
  stale: 5.5,
  // The window over which rates are taken, in beats.
  window: 20,
};

export const site = {
  name: "",
  // By instance: {row, heartbeat, newest, rate, history}.
  agents: new Map(),
  // By field: {time, value, kept: [[time, value], …]}.
  samples: new Map(),
  isLinked: false,
  registrySeen: null,
};

export const rowsChanged = new Signal();   // set of instances
export const beaten = new Signal();
export const sampled = new Signal();       // list of field names
export const linkChanged = new Signal();

// The server's clock is the one that ages are told by: that of a tablet may be minutes off. The
// browser's monotonic clock carries it on between beats, and when the link is lost.
let offset = Date.now() / 1000;
let hasBeat = false;
export const now = () => offset + performance.now() / 1000;

export const heartbeatAge = (agent) => now() - agent.heartbeat;

// How the page shows an agent: as the registry does, but stale where nothing was heard for long.
export function stateOf(agent) {
  if (agent.row.state !== "alive") return agent.row.state;
  return heartbeatAge(agent) > limits.stale ? "stale" : "alive";
}

export const isFresh = (agent) => stateOf(agent) === "alive";

export function faults() {
  return [...site.agents.values()].flatMap((agent) =>
    agent.row.faults.map((fault) => ({ ...fault, instance: agent.row.instance })));
}

const seconds = (nanoseconds) => nanoseconds / 1e9;

function takeRows(rows) {
  const names = new Set();
  for (const row of rows) {
    const known = site.agents.get(row.instance);
    const agent = known ?? { heartbeat: 0, newest: null, rate: null, history: [] };
    agent.row = row;
    agent.heartbeat = Math.max(agent.heartbeat, seconds(row.seen));
    site.agents.set(row.instance, agent);
    names.add(row.instance);
  }
  rowsChanged.emit(names);
}

function takeBeat(beat) {
  offset = beat.now - performance.now() / 1000;
  hasBeat = true;
  site.name = beat.site;
  site.registrySeen = beat.registry;
  const names = new Set();
  for (const [name, heartbeat, newest, rows] of beat.agents) {
    names.add(name);
    const agent = site.agents.get(name);
    if (!agent) continue;
    agent.heartbeat = heartbeat;
    agent.newest = newest;
    agent.history.push([beat.now, rows]);
    if (agent.history.length > limits.window) agent.history.shift();
    const [then, before] = agent.history[0];
    // The reader listens from the first watcher on: what had waited until then comes at once.
    if (rows < before || (before === 0 && rows > 0)) agent.history = [[beat.now, rows]];
    agent.rate = beat.now - then > 0.5 && rows >= before ? (rows - before) / (beat.now - then) : null;
  }
  for (const name of site.agents.keys()) {
    if (!names.has(name)) {
      site.agents.delete(name);
      rowsChanged.emit(new Set([name]));
    }
  }
  beaten.emit();
}

function takeSamples(samples) {
  const names = [];
  for (const [name, time, value] of samples) {
    let field = site.samples.get(name);
    if (!field) {
      field = { time: 0, value: null, kept: [] };
      site.samples.set(name, field);
    }
    if (time === field.time) continue;
    field.time = time;
    field.value = value;
    field.kept.push([time, value]);
    if (field.kept.length > limits.kept) field.kept.splice(0, limits.kept / 4);
    names.push(name);
  }
  sampled.emit(names);
}

let source = null;
let watched = new Map();   // who wants fields → list of patterns
let address = "";
let lastWord = 0;

function setLink(isLinked) {
  if (site.isLinked === isLinked) return;
  site.isLinked = isLinked;
  linkChanged.emit();
}

// One stream for all: it is opened anew when other fields are wanted.
function connect() {
  const wanted = [...new Set([...watched.values()].flat())].sort();
  const query = new URLSearchParams({ beats: "true", period: "1" });
  for (const pattern of wanted) query.append("field", pattern);
  const next = `api/v1/live?${query}`;
  if (next === address && source && source.readyState !== EventSource.CLOSED) return;
  address = next;
  source?.close();
  source = new EventSource(address);
  const on = (name, take) => source.addEventListener(name, (event) => {
    lastWord = performance.now();
    take(JSON.parse(event.data));
    setLink(true);
  });
  on("agents", takeRows);
  on("beat", takeBeat);
  on("samples", takeSamples);
  source.addEventListener("error", () => setLink(false));
}

// `who` watches these fields from now on, and no longer those that it watched before.
export function watch(who, patterns) {
  const before = (watched.get(who) ?? []).join();
  if (before === patterns.join()) return;
  if (patterns.length > 0) watched.set(who, patterns);
  else watched.delete(who);
  if (source) connect();
}

export const isTold = () => hasBeat;

// The stream begins with this module, which is loaded first: what it brings is there when the
// tiles are, and not asked for only then.
connect();
setInterval(() => {
  const isSilent = performance.now() - lastWord > limits.silence;
  if (isSilent) setLink(false);
  // A browser gives up on an answer that is no stream (a proxy's error page): try again.
  // Whoever is asked for a token has none until the page is loaded anew.
  if (isSilent && source.readyState === EventSource.CLOSED && !byId("login").open) connect();
}, 1000);
