// The few helpers over the document that every part of the page needs.

export const byId = (id) => document.getElementById(id);

// An element with properties and children; texts become text nodes, never markup.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name === "aria") for (const [key, text] of Object.entries(value)) element.setAttribute(`aria-${key}`, text);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Writes a text only if it is another one: an unchanged node costs no layout.
export function setText(element, text) {
  if (element.lastText === text) return;
  element.lastText = text;
  element.textContent = text;
}

export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

// Calls back when an element comes into view or leaves it; only what is in view is kept fresh.
export function watchVisibility(changed) {
  return new IntersectionObserver(
    (entries) => { for (const entry of entries) changed(entry.target, entry.isIntersecting); },
    { rootMargin: "100px" },
  );
}

// Something to subscribe to: `on(f)` returns what ends the subscription.
export class Signal {
  #listeners = new Set();
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  emit(...values) {
    for (const listener of [...this.#listeners]) listener(...values);
  }
}

// Runs `work` once, `milliseconds` after the last of a burst of calls.
export function settled(milliseconds, work) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), milliseconds);
  };
}

let noticeTimer;
// Tells something that the user should know but need not answer.
export function notice(text, level = "info") {
  const element = byId("notice");
  element.hidden = false;
  element.dataset.level = level;
  element.textContent = text;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { element.hidden = true; }, 8000);
}
