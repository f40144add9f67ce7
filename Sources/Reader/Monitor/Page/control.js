// The page opens read-only: nothing on it can start or stop anything until somebody takes control.
// Control ends by itself, so that a forgotten screen commands nothing.

import { Signal, byId, notice, setText } from "./dom.js";

// Seconds without a touch of this page after which control ends.
const idleLimit = 600;

export const changed = new Signal();

let until = null;

export const isHeld = () => until !== null;

const nowSeconds = () => performance.now() / 1000;

export function take() {
  until = nowSeconds() + idleLimit;
  show();
  changed.emit();
}

export function release(why) {
  if (until === null) return;
  until = null;
  if (why) notice(why);
  show();
  changed.emit();
}

export const toggle = () => (isHeld() ? release() : take());

function show() {
  const button = byId("control");
  button.setAttribute("aria-pressed", isHeld());
  if (!isHeld()) {
    setText(button, "Take control");
    return;
  }
  const left = Math.max(0, Math.ceil(until - nowSeconds()));
  setText(button, `In control ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} · release`);
}

export function open() {
  byId("control").addEventListener("click", toggle);
  for (const kind of ["pointerdown", "keydown"]) {
    addEventListener(kind, () => { if (isHeld()) until = nowSeconds() + idleLimit; }, { passive: true });
  }
  setInterval(() => {
    if (!isHeld()) return;
    if (nowSeconds() >= until) release("Control has ended: nobody touched this page for 10 minutes.");
    else show();
  }, 1000);
  show();
}
