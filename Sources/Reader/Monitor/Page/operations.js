// The operations of an agent: typed inputs, start, stop, abort, progress, and what ran before.

import * as api from "./api.js";
import * as control from "./control.js";
import { make, notice, setData, setText } from "./dom.js";
import { elapsed, number, since } from "./format.js";
import { isFresh, now, site } from "./site.js";

const isHeard = (instance) => {
  const agent = site.agents.get(instance);
  return Boolean(agent) && site.isLinked && isFresh(agent);
};

const isUnderWay = (status) => ["starting", "running", "degraded", "stopping"].includes(status);

// The input of one parameter, and how its value is read: undefined where the default shall hold.
function makeInput(parameter) {
  const { name, type, choices, range, required, unit } = parameter;
  const hint = [
    parameter.help,
    range ? `${number(range[0])} to ${number(range[1])}${unit ? ` ${unit}` : ""}` : "",
    parameter.default === null ? "" : `default ${parameter.default}`,
  ].filter(Boolean).join("; ");
  let input, read;
  if (choices) {
    input = make("select", {}, ...choices.map((choice) => make("option", { value: String(choice), textContent: String(choice) })));
    if (!required && parameter.default === null) input.prepend(make("option", { value: "", textContent: "" }));
    input.value = parameter.default === null ? input.options[0].value : String(parameter.default);
    read = () => choices.find((choice) => String(choice) === input.value);
  } else if (type === "bool") {
    input = make("input", { type: "checkbox", checked: parameter.default === true });
    read = () => input.checked;
  } else if (type === "int" || type === "double") {
    input = make("input", { type: "number", step: type === "int" ? "1" : "any", placeholder: range ? `${number(range[0])} – ${number(range[1])}` : "" });
    if (range) [input.min, input.max] = range;
    if (parameter.default !== null) input.value = parameter.default;
    read = () => (input.value === "" ? undefined : Number(input.value));
  } else {
    input = make("input", { type: "text", value: parameter.default ?? "" });
    read = () => (input.value === "" && !required ? undefined : input.value);
  }
  input.name = name;
  input.required = required && type !== "bool";
  input.title = hint;
  const label = make("label", { title: hint },
    make("span", { textContent: name }), input, make("span", { className: "unit", textContent: unit ?? "" }));
  return { name, input, label, read };
}

class Operation {
  constructor(instance, description) {
    this.instance = instance;
    this.description = description;
    const { name, kind, help, abortable, parameters } = description;
    this.inputs = parameters.map(makeInput);
    const button = (text, action) => make("button", {
      type: action === "start" ? "submit" : "button", textContent: text, className: action,
      onclick: action === "start" ? null : () => this.command(action),
    });
    this.start = button("Start", "start");
    this.end = kind === "process" ? button("Stop", "stop") : abortable ? button("Abort", "abort") : null;
    this.status = make("span", { className: "status" });
    this.reply = make("p", { className: "reply", hidden: true });
    this.progress = make("progress", { hidden: true });
    this.facts = make("span", { className: "facts" });
    this.past = make("table", { className: "past" });
    this.details = make("details", {}, make("summary", { textContent: "last sessions" }), this.past);
    this.form = make("form", { onsubmit: (event) => { event.preventDefault(); this.command("start"); } },
      ...this.inputs.map((input) => input.label),
      make("span", { className: "buttons" }, this.start, this.end));
    this.element = make("section", { className: "operation", data: { operation: name } },
      make("header", {}, make("b", { textContent: name }), this.status,
        make("span", { className: "help", textContent: `${kind}${help ? `: ${help}` : ""}` })),
      this.form, this.progress, this.facts, this.reply, this.details);
    this.session = null;
    this.showStatus("idle");
  }

  showStatus(status) {
    this.statusText = status;
    // Of an agent that is not heard, nobody knows what it does now.
    const known = isHeard(this.instance);
    setText(this.status, known ? status : `was ${status}`);
    setData(this.status, "status", known ? status : "unknown");
    this.allow();
  }

  // What can be done now, by whoever has control.
  allow() {
    const why = isHeard(this.instance) ? this.obstacle() : "the agent is not heard";
    const held = why === "";
    const runs = isUnderWay(this.statusText);
    for (const { input } of this.inputs) input.disabled = !held || runs;
    this.start.disabled = !held || runs;
    this.start.title = why;
    if (this.end) {
      this.end.disabled = !held || !runs || this.statusText === "stopping";
      this.end.title = why;
    }
  }

  obstacle() {
    return control.obstacle(this.instance, this.description.needs ?? "operate", this.description.name);
  }

  async command(action) {
    if (this.obstacle()) return;
    let parameters;
    if (action === "start") {
      if (!this.form.reportValidity()) return;
      parameters = {};
      for (const { name, read } of this.inputs) {
        const value = read();
        if (value !== undefined) parameters[name] = value;
      }
    }
    this.start.disabled = true;
    try {
      const answer = await api.command(this.instance, this.description.name, action, parameters);
      this.say("");
      this.take(answer.session);
    } catch (error) {
      this.say(`${action} was refused: ${error.message}`);
      this.allow();
    }
    await this.ask();
  }

  say(text) {
    this.reply.hidden = text === "";
    setText(this.reply, text);
    if (text) notice(`${this.instance} ${this.description.name}: ${text}`, "bad");
  }

  async ask() {
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      const { session, history } = await api.status(this.instance, this.description.name);
      this.take(session);
      this.showPast(history ?? []);
    } catch {
      // The agent does not answer: its state says so, and the next change asks again.
    } finally {
      this.isAsking = false;
    }
  }

  take(session) {
    if (!session) return;
    this.session = session;
    this.showStatus(session.status);
    this.showFacts();
  }

  showFacts() {
    const session = this.session;
    if (!session) return;
    const runs = isUnderWay(session.status);
    const part = session.data?.progress;
    this.progress.hidden = !(runs && this.description.kind === "task");
    if (typeof part === "number") this.progress.value = part;
    else this.progress.removeAttribute("value");
    const end = session.end === null ? now() : session.end / 1e9;
    const facts = Object.entries(session.data ?? {})
      .filter(([name]) => name !== "progress")
      .map(([name, value]) => `${name} ${typeof value === "number" ? number(value) : typeof value === "object" ? JSON.stringify(value) : value}`);
    const message = session.messages?.at(-1);
    const text = [
      `#${session.session}`,
      runs ? `for ${elapsed(end - session.start / 1e9)}` : `${outcome(session)} after ${elapsed(end - session.start / 1e9)}`,
      session.reason, ...facts,
      typeof message === "string" ? message : message?.text,
    ].filter(Boolean).join(" · ");
    setText(this.facts, text);
    setData(this.facts, "level", session.success === false || session.status === "degraded" ? "bad" : "");
  }

  showPast(history) {
    this.details.hidden = history.length === 0;
    const newest = history.slice(-20).reverse();
    this.past.replaceChildren(...newest.map((session) => make("tr", {
      data: { level: session.success === false ? "bad" : "" },
    }, ...[
      `#${session.session}`,
      since(session.start / 1e9, now()),
      session.end === null ? "" : elapsed((session.end - session.start) / 1e9),
      session.status === "done" ? outcome(session) : session.status,
      session.reason,
    ].map((text) => make("td", { textContent: text ?? "" })))));
  }
}

const outcome = (session) => (session.success === false ? "failed" : session.success ? "succeeded" : "ended");

export class OperationList {
  constructor(instance, descriptions) {
    this.instance = instance;
    this.operations = descriptions.map((description) => new Operation(instance, description));
    this.lock = make("p", { className: "lock" });
    this.element = make("section", { className: "operations" }, this.lock,
      ...this.operations.map((operation) => operation.element));
    this.ending = control.changed.on(() => this.allow());
    this.allow();
    this.follow();
    for (const operation of this.operations) operation.ask();
  }

  close() { this.ending(); }

  allow() {
    const isHeld = control.isHeld(this.instance);
    setText(this.lock, isHeld ? "" : control.obstacle(this.instance, "operate", "control"));
    this.lock.hidden = isHeld;
    for (const operation of this.operations) operation.allow();
  }

  // The table tells that a session has changed; the agent tells the rest.
  follow() {
    const row = site.agents.get(this.instance)?.row;
    if (!row) return;
    for (const operation of this.operations) {
      const status = row.operations[operation.description.name];
      if (status && status !== operation.statusText) operation.ask();
    }
  }

  tick() {
    const isKnown = isHeard(this.instance);
    for (const operation of this.operations) {
      if (isKnown !== this.wasKnown) operation.showStatus(operation.statusText);
      if (!isKnown || !isUnderWay(operation.statusText)) continue;
      operation.showFacts();
      // A task's progress is worth a question a second; a process is followed by its changes.
      if (operation.description.kind === "task") operation.ask();
    }
    this.wasKnown = isKnown;
  }
}
