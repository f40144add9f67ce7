// Finds a field among all that the archive has and adds it to the plots.

import * as api from "./api.js";
import { byId, make, settled } from "./dom.js";
import { knownUnits } from "./fields.js";
import { addField } from "./view.js";

// Names that are shown; who sees more types more.
const shown = 30;
// Seconds that a list of all fields is good for.
const fresh = 60;
// Milliseconds until a field that was not found is looked for again: it may have its first samples
// any moment.
const again = 2000;

let known = null;   // {at, fields: [{name, lower, unit, description}]}
let found = [];
let selected = 0;

async function fields() {
  if (known && performance.now() - known.at < fresh * 1000) return known.fields;
  const answer = await api.fields();
  const list = Object.entries(answer.fields)
    .filter(([, field]) => field.type !== "string")
    .map(([name, field]) => ({
      name, unit: field.units, description: field.description ?? "",
      lower: `${name} ${field.description ?? ""}`.toLowerCase(),
    }));
  for (const { name, unit } of list) knownUnits.set(name, unit);
  known = { at: performance.now(), fields: list };
  return list;
}

function hide() {
  byId("found").hidden = true;
  byId("search").setAttribute("aria-expanded", "false");
}

function choose(field) {
  addField(field.name, { unit: field.unit, unitOf: (name) => knownUnits.get(name) });
  // The next key is meant for the page again.
  byId("search").value = "";
  byId("search").blur();
  hide();
}

function show(total) {
  const list = byId("found");
  list.replaceChildren(...found.map((field, index) => make("li", {
    role: "option", aria: { selected: index === selected }, onpointerdown: (event) => {
      event.preventDefault();
      choose(field);
    },
  }, make("b", { textContent: field.name }), make("span", { className: "unit", textContent: field.unit ?? "" }),
  make("span", { className: "help", textContent: field.description }))),
  make("li", { className: "more", textContent: total > found.length ? `${total} fields fit; type more` : total === 0 ? "no field fits" : "Enter adds it" }));
  list.hidden = false;
  byId("search").setAttribute("aria-expanded", "true");
}

const look = settled(60, async () => {
  const words = byId("search").value.trim().toLowerCase().split(/\s+/);
  if (words[0] === "") return hide();
  let all;
  try {
    all = await fields();
  } catch (error) {
    found = [];
    show(0);
    byId("found").lastChild.textContent = error.message;
    return;
  }
  const fitting = all.filter((field) => words.every((word) => field.lower.includes(word)));
  found = fitting.slice(0, shown);
  selected = 0;
  show(fitting.length);
  if (found.length > 0) return;
  known = null;
  setTimeout(() => { if (document.activeElement === byId("search")) look(); }, again);
});

export function open() {
  const input = byId("search");
  input.addEventListener("input", look);
  input.addEventListener("focus", look);
  input.addEventListener("blur", hide);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      selected = Math.max(0, Math.min(found.length - 1, selected + by));
      [...byId("found").children].forEach((item, index) => item.setAttribute("aria-selected", index === selected));
      byId("found").children[selected]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && found[selected] && !byId("found").hidden) {
      event.preventDefault();
      choose(found[selected]);
    } else if (event.key === "Escape") {
      input.value = "";
      input.blur();
    }
  });
}
