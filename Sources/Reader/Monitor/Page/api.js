// What the page asks of the reader; the addresses are those that everybody else uses too.

import { Signal } from "./dom.js";

// The reader does not know who asks, and wants to.
export const unknown = new Signal();

export class Refused extends Error {
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

async function ask(address, options) {
  const response = await fetch(address, options);
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refused("request.malformed", `${address}: ${response.status} without an answer`, response.status);
  }
  if (response.ok) return answer;
  if (response.status === 401) unknown.emit();
  const error = answer.error ?? { code: answer.code, message: answer.text };
  throw new Refused(error.code, error.message || error.code, response.status);
}

function query(pairs) {
  const search = new URLSearchParams();
  for (const [name, value] of pairs) search.append(name, value);
  return search.toString();
}

const inPath = encodeURIComponent;

// Times are seconds; `points` nil asks for the samples themselves.
export function data(fields, start, end, points, signal) {
  const pairs = fields.map((field) => ["field", field]);
  pairs.push(["start", start.toFixed(6)], ["end", end.toFixed(6)]);
  if (points) pairs.push(["max_points", points]);
  return ask(`api/v1/data?${query(pairs)}`, { signal });
}

export const fields = (start) => ask(`api/v1/fields?${query(start ? [["start", start]] : [])}`);
export const completeness = () => ask("api/v1/completeness?start=-1h");
export const describe = (instance) =>
  ask(`api/v1/agents/${inPath(instance)}`).then((answer) => answer.result);

const operation = (instance, name, action) =>
  `api/v1/agents/${inPath(instance)}/ops/${inPath(name)}/${action}`;

export const status = (instance, name) =>
  ask(operation(instance, name, "status")).then((answer) => answer.result);

// `action` is start, stop or abort.
export const command = (instance, name, action, parameters) =>
  ask(operation(instance, name, action), {
    method: "POST",
    body: parameters ? JSON.stringify(parameters) : undefined,
  }).then((answer) => answer.result);

const post = (address, body) => ask(address, { method: "POST", body: JSON.stringify(body) });

// `change` is take or release.
export const control = (instance, change, body) =>
  post(`api/v1/agents/${inPath(instance)}/control/${change}`, body).then((answer) => answer.result);

export const me = () => ask("api/v1/me");
export const login = (token) => post("api/v1/login", { token });
export const logout = () => post("api/v1/logout", {});
