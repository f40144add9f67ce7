// One key for each thing that is done often; `?` shows them.

import * as control from "./control.js";
import { byId, make } from "./dom.js";
import * as panel from "./panel.js";
import * as plots from "./plots.js";
import { toggleFaults } from "./strip.js";
import * as tiles from "./tiles.js";
import { change, view } from "./view.js";

export function setNight(isNight) {
  document.documentElement.classList.toggle("night", isNight);
  try { localStorage.setItem("night", isNight ? "1" : "0"); } catch { /* storage may be forbidden */ }
  byId("night").setAttribute("aria-pressed", isNight);
  change({ night: isNight }, { isStep: false });
  plots.restyle();
  panel.tick();
}

const showKeys = () => byId("keys").showModal();

function escape() {
  if (view.agent) change({ agent: null });
  else if (view.filter) change({ filter: "" }, { isStep: false });
}

const keys = [
  ["/", "search a field for the plots", () => byId("search").focus()],
  ["f", "filter agents", () => byId("filter").focus()],
  ["j", "next agent", () => tiles.step(1)],
  ["k", "agent before", () => tiles.step(-1)],
  ["Escape", "close the panel, clear the filter", escape],
  ["c", "take control, or release it", () => control.toggle()],
  ["a", "open faults", toggleFaults],
  ["n", "night mode", () => setNight(!view.night)],
  ["l", "plots live", () => plots.goLive()],
  ["b", "range before (also double click)", () => plots.back()],
  ["[", "earlier", () => plots.move(-0.5)],
  ["]", "later", () => plots.move(0.5)],
  ["+", "closer (also drag)", () => plots.move(0, 0.5)],
  ["-", "wider", () => plots.move(0, 2)],
  ...["1", "2", "3", "4", "5", "6", "7"].map((key, index) =>
    [key, index === 0 ? "to 7: last 5 min to 30 d" : null, () => plots.setPreset(index)]),
  ["?", "these keys", showKeys],
];

export function open() {
  byId("night").addEventListener("click", () => setNight(!view.night));
  byId("night").setAttribute("aria-pressed", view.night);
  byId("help").addEventListener("click", showKeys);
  byId("keys").querySelector("dl").replaceChildren(
    ...keys.filter(([, text]) => text).flatMap(([key, text]) => [
      make("dt", {}, make("kbd", { textContent: key })), make("dd", { textContent: text }),
    ]));
  const actions = new Map(keys.map(([key, , action]) => [key, action]));
  addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea, dialog");
    if (event.key === "Escape" && isTyping && !event.target.closest("dialog")) return event.target.blur();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions.get(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  });
}
