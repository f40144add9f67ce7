// Control of an agent is the agent's to give: while somebody has it, nobody else starts or stops
// anything there. A page opens read-only, whoever looks at it: it commands only agents that
// control was taken of on this very page. Control ends by itself, so that a forgotten screen
// commands nothing and keeps nobody out.

import * as api from "./api.js";
import { Signal, byId, notice, setText } from "./dom.js";
import { known, may, me } from "./login.js";
import { now, rowsChanged, site } from "./site.js";
import { changed as viewChanged, view } from "./view.js";

const limits = {
  // Seconds for which control is taken, and left of it when a touch of the page goes on with it.
  length: 600, renewed: 300,
  // Seconds until the table tells what an agent has answered.
  delay: 3,
};

export const changed = new Signal();

const held = new Map();   // instance → {until, asked}

export const isHeld = (instance) => held.has(instance);

const isMine = (control) => control?.holder === me.name && control?.proof === me.proof;

const controlOf = (instance) => site.agents.get(instance)?.row.control ?? null;

const told = (control) =>
  `${control.holder} has control until ${new Date(control.until / 1e6).toISOString().slice(11, 19)} UTC: ${control.reason}`;

// Why an operation cannot be commanded from here; empty if it can.
export function obstacle(instance, role, operation) {
  if (!may(role, instance, operation)) return `needs the role ${role}, which ${me.name || "nobody here"} does not have`;
  if (isHeld(instance)) return "";
  const control = controlOf(instance);
  return control && !isMine(control) ? told(control) : "read-only: take control first (c)";
}

async function ask(instance, breaks) {
  const body = { reason: "at the live monitor", seconds: limits.length, break: breaks };
  const { control } = await api.control(instance, "take", body);
  held.set(instance, { until: control.until / 1e9, asked: now() });
}

export async function take(instance) {
  const control = controlOf(instance);
  const isOthers = control && !isMine(control);
  const breaks = Boolean(isOthers) && may("admin", instance, "control") && confirm(`${told(control)}. Break it?`);
  try {
    await ask(instance, breaks);
  } catch (error) {
    notice(error.message, "bad");
  }
  show();
  changed.emit();
}

function lose(instance, why) {
  if (!held.delete(instance)) return;
  notice(`Control of ${instance} has ended: ${why}.`);
  show();
  changed.emit();
}

export async function release(instance) {
  if (!held.delete(instance)) return;
  show();
  changed.emit();
  try {
    await api.control(instance, "release", {});
  } catch (error) {
    notice(error.message, "bad");
  }
}

export function toggle() {
  if (!view.agent) return notice("Open an agent first: control is taken of one agent.");
  return isHeld(view.agent) ? release(view.agent) : take(view.agent);
}

function show() {
  const button = byId("control");
  const instance = view.agent;
  const mine = instance ? held.get(instance) : undefined;
  button.setAttribute("aria-pressed", Boolean(mine));
  button.disabled = !instance || (!mine && !may("operate", instance, "control"));
  if (mine) {
    const left = Math.max(0, Math.ceil(mine.until - now()));
    setText(button, `In control ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} · release`);
    button.title = `nobody else commands ${instance} (c)`;
    return;
  }
  const control = instance ? controlOf(instance) : null;
  setText(button, control && !isMine(control) ? `${control.holder} has control` : "Take control");
  button.title = !instance ? "open an agent first"
    : button.disabled ? `needs the role operate, which ${me.name} does not have`
    : control && !isMine(control) ? told(control)
    : `operations of ${instance} can be started only while you have control (c)`;
}

function touch() {
  for (const [instance, mine] of held) {
    if (mine.until - now() > limits.renewed || now() - mine.asked < limits.delay) continue;
    mine.asked = now();
    ask(instance, false).catch((error) => lose(instance, error.message));
  }
}

// The table tells what became of control elsewhere; what it says may be a little old.
function follow(names) {
  for (const [instance, mine] of held) {
    if (!names.has(instance) || now() - mine.asked < limits.delay) continue;
    const control = controlOf(instance);
    if (!isMine(control)) lose(instance, control ? told(control) : "it was given back, or the agent was started again");
  }
  if (names.has(view.agent)) {
    show();
    changed.emit();
  }
}

export function open() {
  byId("control").addEventListener("click", toggle);
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, touch, { passive: true });
  setInterval(() => {
    for (const [instance, { until }] of held) {
      if (now() >= until) lose(instance, "nobody touched this page for long enough");
    }
    show();
  }, 1000);
  rowsChanged.on(follow);
  viewChanged.on(show);
  known.on(() => { show(); changed.emit(); });
  show();
}
