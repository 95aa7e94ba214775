// The runs of an experiment: filtered as one types, sorted, read on as one scrolls, chosen and changed.

import { call, each, get } from "./api.js";
import { duration, element, moment, quoted, shortNumber } from "./format.js";
import { LongTable } from "./table.js";

const id = (name) => document.getElementById(name);
const place = id("rows");
const form = document.querySelector("form.filter");
const FIXED = { run_name: "Run", status: "Status", start_time: "Started" };
const PAGES = [100, 500, 1000];
const MOST_COMPARED = 100;

const heads = () => [...id("runs").tHead.rows[0].cells];
const state = {
  filter: id("filter").value,
  sort: place.dataset.sort,
  ascending: place.dataset.ascending === "true",
  columns: heads().map((head) => head.dataset.column).filter((column) => column && !FIXED[column]),
  chosenColumns: place.dataset.chosen === "true",
  deleted: form.elements.lifecycle.checked,
};
let next = place.dataset.next;
let pages = 0;
let loading = null;
const chosen = new Map();

const table = new LongTable(place, id("runs"), build, more);

function problem(message) {
  id("problem").textContent = message;
  id("problem").hidden = message === "";
  id("filter").setAttribute("aria-invalid", String(message !== ""));
}

// A run as the table keeps it: what it shows and no more.
function item(run) {
  const metrics = new Map(run.metrics.map(({ key, value }) => [key, value]));
  const params = new Map(run.params.map(({ key, value }) => [key, value]));
  const tags = new Map(run.tags.map(({ key, value }) => [key, value]));
  const cells = state.columns.map((column) => {
    const key = column.slice(column.indexOf(".") + 1);
    if (column.startsWith("metrics.")) return metrics.get(key) ?? null;
    return (column.startsWith("params.") ? params : tags).get(key) ?? null;
  });
  return { id: run.run_id, name: run.run_name, status: run.status, start: run.start_time_ms, took: duration(run), cells };
}

function build(run, at) {
  if (run.row) return marked(run.row, run, at);
  const box = element("input", { type: "checkbox", name: "run", value: run.id, "aria-label": `Choose ${run.name}` });
  const row = element("tr", { "data-run": run.id },
    element("td", { class: "pick" }, box),
    element("td", {}, element("a", { href: `/runs/${run.id}` }, run.name)),
    element("td", {}, element("span", { class: `status ${run.status}` }, run.status)),
    element("td", {}, element("time", {}, moment(run.start))));
  run.cells.forEach((value, column) => {
    const isNumber = state.columns[column].startsWith("metrics.");
    const text = value === null ? "" : isNumber ? shortNumber(value) : value;
    row.append(element("td", { title: value ?? "", ...(isNumber ? { class: "number" } : {}) }, text));
  });
  row.append(element("td", {}, run.took));
  return marked(row, run, at);
}

function marked(row, run, at) {
  row.setAttribute("aria-rowindex", at + 2);
  row.querySelector("input").checked = chosen.has(run.id);
  return row;
}

function count() {
  const n = table.items.length;
  const runs = `${n.toLocaleString()}${next ? "+" : ""} ${n === 1 ? "run" : "runs"}`;
  id("count").textContent = chosen.size > 0 ? `${runs}, ${chosen.size} chosen` : runs;
  id("more-actions").hidden = chosen.size === 0;
  id("delete-chosen").hidden = state.deleted;
  id("restore-chosen").hidden = !state.deleted;
  id("no-runs").hidden = n > 0 || !id("problem").hidden;
  id("runs").setAttribute("aria-rowcount", next ? -1 : n + 1);
  place.hidden = n === 0;
}

function address(token, size) {
  const query = new URLSearchParams({ experiment_ids: place.dataset.experiment, max_results: size });
  if (state.filter) query.set("filter", state.filter);
  if (state.sort) query.set("order_by", `${quoted(state.sort)} ${state.ascending ? "ASC" : "DESC"}`);
  if (state.deleted) query.set("lifecycle", "deleted");
  if (token) query.set("page_token", token);
  query.set("columns", state.columns.map(quoted).join(", "));
  return `/api/v1/runs?${query}`;
}

// What the table shows, as the address of its page.
function view() {
  const query = new URLSearchParams();
  if (state.filter) query.set("filter", state.filter);
  if (state.sort) {
    query.set("sort", state.sort);
    query.set("direction", state.ascending ? "asc" : "desc");
  }
  if (state.chosenColumns) {
    query.set("columns", "chosen");
    state.columns.forEach((column) => query.append("column", column));
  }
  if (state.deleted) query.set("lifecycle", "deleted");
  return query.toString();
}

async function more() {
  if (!next || loading) return;
  loading = new AbortController();
  const mine = loading;
  pages += 1;
  try {
    const page = await get(address(next, PAGES[Math.min(pages, PAGES.length - 1)]), mine.signal);
    if (loading !== mine) return;
    next = page.next_page_token ?? "";
    loading = null;
    table.append(page.items.map(item));
    count();
  } catch (error) {
    if (loading !== mine) return;
    loading = null;
    next = "";
    problem(error.message);
  }
}

// Reads the table anew and shows it from its first row.
async function reload() {
  loading?.abort();
  loading = new AbortController();
  const mine = loading;
  place.setAttribute("aria-busy", "true");
  const query = view();
  history.replaceState(null, "", `/experiments/${place.dataset.experiment}${query ? `?${query}` : ""}`);
  try {
    const page = await get(address("", PAGES[0]), mine.signal);
    if (loading !== mine) return;
    loading = null;
    pages = 0;
    next = page.next_page_token ?? "";
    problem("");
    place.hidden = false;
    head();
    table.replace(page.items.map(item));
  } catch (error) {
    if (loading !== mine) return;
    loading = null;
    problem(error.message);
  }
  place.removeAttribute("aria-busy");
  document.querySelector(".pages").hidden = true;
  count();
}

function head() {
  const row = id("runs").tHead.rows[0];
  const label = (column) => FIXED[column] ?? column.replace(/^(metrics|params)\./, "");
  const made = [...Object.keys(FIXED), ...state.columns].map((column) => {
    const made = element("th", { "data-column": column }, element("a", { href: "#" }, label(column)));
    if (column === state.sort) made.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    return made;
  });
  row.replaceChildren(row.cells[0], ...made, element("th", {}, "Took"));
}

id("runs").tHead.addEventListener("click", (event) => {
  const column = event.target.closest("a")?.closest("th").dataset.column;
  if (!column) return;
  event.preventDefault();
  state.ascending = state.sort === column && !state.ascending;
  state.sort = column;
  const back = event.target.closest("a") === document.activeElement;
  reload().then(() => back && heads().find((other) => other.dataset.column === column)?.querySelector("a").focus());
});

let typing = null;
function typed() {
  clearTimeout(typing);
  if (id("filter").value === state.filter && id("problem").hidden) return;
  state.filter = id("filter").value;
  reload();
}
id("filter").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(typed, 250);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  typed();
});
form.elements.lifecycle.addEventListener("change", (event) => {
  state.deleted = event.target.checked;
  chosen.clear();
  reload();
});
form.querySelector("fieldset").addEventListener("change", (event) => {
  const column = event.target.value;
  state.columns = event.target.checked ? [...state.columns, column] : state.columns.filter((other) => other !== column);
  state.chosenColumns = true;
  reload();
});
id("find-column").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase();
  form.querySelectorAll("fieldset label").forEach((label) => { label.hidden = !label.textContent.toLowerCase().includes(words); });
});
id("find-column").addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());

let lastPicked = null;
const rowAt = (box) => Number(box.closest("tr").getAttribute("aria-rowindex")) - 2;
function choose(at, on) {
  const run = table.items[at];
  if (on) chosen.set(run.id, run.name);
  else chosen.delete(run.id);
  const box = table.shown.get(at)?.querySelector("input");
  if (box) box.checked = on;
}
id("runs").tBodies[0].addEventListener("click", (event) => {
  if (event.target.name !== "run") return;
  const at = rowAt(event.target);
  const from = event.shiftKey && lastPicked !== null ? lastPicked : at;
  for (let between = Math.min(from, at); between <= Math.max(from, at); between += 1) choose(between, event.target.checked);
  lastPicked = at;
  count();
});
const chooseAll = (on) => {
  table.items.forEach((_, at) => choose(at, on));
  if (!on) chosen.clear();
  id("choose-all").checked = on;
  count();
};
id("choose-all").addEventListener("change", (event) => chooseAll(event.target.checked));
id("choose-none").addEventListener("click", () => chooseAll(false));

id("chosen").addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen.size === 0 || chosen.size > MOST_COMPARED) {
    problem(`choose 1 to ${MOST_COMPARED} runs to compare; ${chosen.size} are chosen`);
    return;
  }
  location.assign(`/runs/compare?${new URLSearchParams([...chosen.keys()].map((run) => ["run", run]))}`);
});

async function change(job) {
  try {
    await each(chosen.keys(), job);
    chosen.clear();
    id("choose-all").checked = false;
    await reload();
  } catch (error) {
    problem(error.message);
  }
}
const lifecycle = (to) => change((run) => call("PATCH", `/api/v1/runs/${run}`, { lifecycle: to }));
id("delete-chosen").addEventListener("click", () => lifecycle("deleted"));
id("restore-chosen").addEventListener("click", () => lifecycle("active"));
id("tag-chosen").querySelector("button").addEventListener("click", () => {
  const tag = { key: id("tag-key").value, value: id("tag-value").value };
  change((run) => call("POST", `/api/v1/runs/${run}/log`, { tags: [tag] }));
});

id("save-view").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = event.target.elements.name.value.trim();
  try {
    await call("POST", `/api/v1/experiments/${place.dataset.experiment}/tags`, { key: `metria.view.${name}`, value: view() });
    location.assign(`/experiments/${place.dataset.experiment}/views/${encodeURIComponent(name)}`);
  } catch (error) {
    problem(error.message);
  }
});

// The rows that came with the page are kept as they are.
place.tabIndex = 0;
place.classList.add("long");
document.querySelector(".pages").hidden = place.dataset.start === "first";
const first = [...id("runs").tBodies[0].rows].map((row) => ({ id: row.dataset.run, name: row.cells[1].textContent, row }));
const box = id("problem").textContent;
table.replace(first);
problem(box);
count();
