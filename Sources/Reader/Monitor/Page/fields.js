// The fields of an agent: value, unit, age, limits, sparkline. Only rows in view are written to.

import { make, setData, setText, settled, watchVisibility } from "./dom.js";
import { NumberStyle, age as ageText, duration, number, scaleOf } from "./format.js";
import { isFresh, now, sampled, site } from "./site.js";
import { Sparkline, fill } from "./sparkline.js";
import { addField, removeField, view, changed } from "./view.js";

// Rows that are made at once; an agent may have thousands of fields, and nobody looks at all.
const page = 300;

export class FieldTable {
  #instance;
  #rows = new Map();
  #byElement = new Map();
  #visibility;
  #endings = [];
  #askSparklines = settled(150, () => this.#fillSparklines());

  constructor(instance, feeds) {
    this.#instance = instance;
    this.#visibility = watchVisibility((element, isVisible) => {
      const row = this.#byElement.get(element);
      row.isVisible = isVisible;
      if (isVisible) {
        this.#refresh(row);
        this.#askSparklines();
      }
    });
    this.element = make("section", { className: "fields" });
    const ordinary = feeds.filter((feed) => !["sessions", "faults"].includes(feed.feed));
    for (const feed of ordinary) this.element.append(this.#makeFeed(feed));
    if (ordinary.length === 0) this.element.append(make("p", { textContent: "This agent publishes no fields." }));
    this.#endings.push(sampled.on((names) => this.#take(names)));
    this.#endings.push(changed.on(() => this.#mark()));
    this.#mark();
  }

  close() {
    for (const end of this.#endings) end();
    this.#visibility.disconnect();
  }

  #makeFeed(feed) {
    const body = make("tbody");
    const period = feed.period_ns ? ` · every ${duration(feed.period_ns / 1e9)}` : "";
    const head = make("caption", {},
      make("b", { textContent: feed.feed }), ` ${feed.description ?? ""}${period}`);
    const columns = ["field", "value", "unit", "age", "limits", "10 min", ""];
    const table = make("table", {}, head,
      make("thead", {}, make("tr", {}, ...columns.map((text) => make("th", { textContent: text })))), body);
    let shown = 0;
    const showMore = () => {
      for (const field of feed.fields.slice(shown, shown + page)) body.append(this.#makeRow(feed, field));
      shown += page;
      more.hidden = shown >= feed.fields.length;
      more.textContent = `show more of ${feed.fields.length} fields`;
      this.#mark();
    };
    const more = make("button", { onclick: showMore });
    showMore();
    return make("div", { className: "feed" }, table, more);
  }

  #makeRow(feed, field) {
    const name = `${this.#instance}.${feed.feed}.${field.name}`;
    const isNumber = field.type !== "string";
    const cells = Object.fromEntries(["value", "unit", "age"].map((key) => [key, make("td", { className: key })]));
    const row = {
      name, field, cells,
      style: new NumberStyle(),
      spark: isNumber ? new Sparkline() : null,
      isVisible: false,
      period: (feed.period_ns ?? 1e9) / 1e9,
      toggle: isNumber ? make("button", { className: "toggle" }) : null,
    };
    if (row.toggle) {
      row.toggle.onclick = () => (row.isPlotted ? removeField(name) : addField(name, { unit: field.unit, unitOf: this.#unitOf }));
    }
    const limits = field.limits ? `${number(field.limits[0])} – ${number(field.limits[1])}` : "";
    row.element = make("tr", { draggable: isNumber, data: { field: name } },
      make("th", { scope: "row", textContent: field.name, title: field.description || name }),
      cells.value,
      cells.unit,
      cells.age,
      make("td", { className: "limits", textContent: limits }),
      make("td", {}, row.spark?.element),
      make("td", {}, row.toggle));
    row.element.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", name);
      event.dataTransfer.effectAllowed = "copy";
    });
    setText(cells.unit, field.unit ?? "");
    this.#rows.set(name, row);
    this.#byElement.set(row.element, row);
    this.#visibility.observe(row.element);
    return row.element;
  }

  #unitOf = (name) => this.#rows.get(name)?.field.unit ?? knownUnits.get(name);

  #take(names) {
    for (const name of names) {
      const row = this.#rows.get(name);
      if (!row) continue;
      const { time, value } = site.samples.get(name);
      row.spark?.push(time, value);
      if (row.isVisible) this.#refresh(row);
    }
  }

  #refresh(row) {
    const { field, cells } = row;
    const sample = site.samples.get(row.name);
    if (!sample) {
      setText(cells.value, "–");
      setText(cells.age, "");
      return;
    }
    const age = now() - sample.time;
    const { factor, unit } = scaleOf(sample.value, field.unit);
    setText(cells.value, row.style.text(factor === 1 ? sample.value ?? NaN : sample.value / factor));
    setText(cells.unit, unit);
    setText(cells.age, ageText(age));
    const agent = site.agents.get(this.#instance);
    const isOld = age > Math.max(10, 5 * row.period, 2 * (row.spark?.longest() ?? 0)) || !agent || !isFresh(agent) || !site.isLinked;
    setData(row.element, "old", isOld ? "yes" : "");
    const isOut = field.limits && typeof sample.value === "number"
      && (sample.value < field.limits[0] || sample.value > field.limits[1]);
    setData(row.element, "level", isOut ? "bad" : "");
    row.spark?.draw(now(), field.limits);
  }

  #mark() {
    const plotted = new Set(view.plots.flat());
    for (const row of this.#rows.values()) {
      if (!row.toggle) continue;
      row.isPlotted = plotted.has(row.name);
      setText(row.toggle, row.isPlotted ? "plotted ×" : "plot");
      setData(row.toggle, "on", row.isPlotted ? "yes" : "");
    }
  }

  async #fillSparklines() {
    const lines = {};
    for (const row of this.#rows.values()) if (row.isVisible && row.spark) lines[row.name] = row.spark;
    try {
      await fill(lines, now());
    } catch {
      return;   // Sparklines without a past: they grow from now on.
    }
    for (const row of this.#rows.values()) if (row.isVisible) row.spark?.draw(now(), row.field.limits);
  }

  tick() {
    for (const row of this.#rows.values()) if (row.isVisible) this.#refresh(row);
  }
}

// Units that plots have learned from the archive, to put equal units into one plot.
export const knownUnits = new Map();
