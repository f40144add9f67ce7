// Who looks at this page, and what they may do. Where the reader wants a token, the page asks for
// one; the browser keeps it where no script reads it.

import * as api from "./api.js";
import { Signal, byId, setText } from "./dom.js";

export const me = { name: "", proof: "", has_token: false, grants: [] };

// Somebody is known now.
export const known = new Signal();

const roles = ["observe", "operate", "engineer", "admin"];

const fits = (pattern, name) =>
  new RegExp(`^${pattern.split("*").map((part) => part.replace(/[^\w]/g, "\\$&")).join(".*")}$`).test(name);

// Whether whoever looks may do what needs `role`, as far as the reader knows.
export const may = (role, instance, operation) => me.grants.some((grant) =>
  roles.indexOf(grant.role) >= roles.indexOf(role)
    && grant.instances.some((pattern) => fits(pattern, instance))
    && (role === "observe" || grant.operations.some((pattern) => fits(pattern, operation))));

function show() {
  const highest = roles.findLast((role) => me.grants.some((grant) => grant.role === role));
  setText(byId("me"), me.has_token ? `${me.name} · ${highest ?? "nothing"}` : "");
  byId("logout").hidden = !me.has_token;
}

function askForToken(why) {
  const dialog = byId("login");
  setText(dialog.querySelector(".reply"), why);
  if (!dialog.open) dialog.showModal();
}

async function submit(event) {
  event.preventDefault();
  const input = byId("login").querySelector("input");
  try {
    await api.login(input.value.trim());
    location.reload();
  } catch (error) {
    askForToken(error.message);
  }
}

export async function open() {
  byId("login").querySelector("form").addEventListener("submit", submit);
  // Without a token there is nothing behind it.
  byId("login").addEventListener("cancel", (event) => event.preventDefault());
  byId("logout").addEventListener("click", () => api.logout().finally(() => location.reload()));
  api.unknown.on(() => askForToken(me.has_token ? "The token has ended, or was revoked." : ""));
  try {
    Object.assign(me, await api.me());
    show();
    known.emit();
  } catch {
    // Whoever is unknown is asked for a token; of all else the strip tells.
  }
}
