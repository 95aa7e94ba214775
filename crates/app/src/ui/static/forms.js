// Forms and buttons with `data-api="METHOD /path"` send JSON to the API and show a refusal where they stand.

import { call } from "./api.js";
import { element } from "./format.js";

function problem(place, message) {
  const form = place.closest("form") ?? place.parentElement;
  let said = form.querySelector(":scope > .problem");
  if (!said) {
    said = element("p", { class: "problem", role: "alert" });
    form.append(said);
  }
  said.textContent = message;
  said.hidden = message === "";
}

// What a form says: its fields, or one tag as the API's routes want it.
function body(form) {
  const fields = {};
  for (const field of form.elements) {
    if (!field.name || field.hasAttribute("data-in-path")) continue;
    if (field.hasAttribute("data-optional") && field.value === "") continue;
    fields[field.name] = field.dataset.type === "number" ? Number(field.value) : field.value;
  }
  const key = form.dataset.name || fields.key;
  switch (form.dataset.shape) {
    case "tag": return { key, value: fields.value };
    case "tags": return { tags: [{ key, value: fields.value }] };
    case "field": return { [key]: fields.value };
    default: return fields;
  }
}

async function send(place, sent, inPath = {}) {
  const [method, pattern] = place.dataset.api.split(" ");
  const path = pattern.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(inPath[name]));
  const buttons = place.matches("button") ? [place] : [...place.querySelectorAll("button")];
  buttons.forEach((button) => { button.disabled = true; });
  problem(place, "");
  try {
    const answer = await call(method, path, sent);
    const then = place.dataset.then?.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name]));
    if (then) location.assign(then);
    else location.reload();
  } catch (error) {
    problem(place, error.message);
    if (error.kind === "gate_refused") place.querySelectorAll("[data-on-refusal]").forEach((field) => { field.hidden = false; });
    buttons.forEach((button) => { button.disabled = false; });
  }
}

export function listen() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.api) return;
    event.preventDefault();
    const inPath = Object.fromEntries([...form.querySelectorAll("[data-in-path]")].map((field) => [field.name, field.value]));
    send(form, body(form), inPath);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-api]");
    if (!button) return;
    event.preventDefault();
    send(button, button.dataset.body ? JSON.parse(button.dataset.body) : undefined);
  });
}
