// The page of a run: its lines, and what is new while it goes on.

import { element, shortNumber } from "./format.js";
import { Board } from "./lines.js";

const run = document.getElementById("run").dataset;
const id = (name) => document.getElementById(name);
const GOING_ON = ["RUNNING", "SCHEDULED"];

const board = new Board([{ id: run.run, name: run.name }], id("controls"), (key) => {
  const system = key.startsWith("system/");
  id(system ? "system" : "curves").hidden = false;
  return id(system ? "system-lines" : "lines");
});

function showMetric(metric) {
  const rows = id("metrics").tBodies[0];
  let row = [...rows.rows].find((row) => row.dataset.key === metric.key);
  if (!row) {
    row = element("tr", { "data-key": metric.key }, element("td", {}, metric.key), element("td", { class: "number" }), element("td", { class: "number" }));
    rows.insertBefore(row, [...rows.rows].find((other) => other.dataset.key > metric.key) ?? null);
  }
  row.cells[1].textContent = shortNumber(metric.value);
  row.cells[1].title = metric.value;
  row.cells[2].textContent = metric.step;
}

function showPairs(table, pairs, hidden) {
  const button = (key) => element("button", { class: "quiet", "data-api": `DELETE /api/v1/runs/${run.run}/tags/${encodeURIComponent(key)}`, "aria-label": `Remove the tag ${key}` }, "×");
  const shown = pairs.filter((pair) => !hidden(pair.key));
  // Rows that are as they should be stay: somebody may be about to click there.
  const present = [...id(table).tBodies[0].rows].map((row) => [row.dataset.key, (row.cells[1].firstChild?.data ?? "").replace(/ $/, "")]);
  if (JSON.stringify(present) === JSON.stringify(shown.map(({ key, value }) => [key, value]))) return;
  const rows = shown.map(({ key, value }) => {
    const cell = element("td", {}, value);
    if (table === "tags") cell.append(" ", button(key));
    return element("tr", { "data-key": key }, element("td", {}, key), cell);
  });
  id(table).tBodies[0].replaceChildren(...rows);
}

const ours = (key) => key === "mlflow.note.content" || key === "metria.error" || key.startsWith("metria.view.");

function showInfo(info) {
  id("status").textContent = info.status;
  id("status").className = `status ${info.status}`;
  id("run-name").textContent = info.run_name;
  return GOING_ON.includes(info.status) && info.lifecycle === "active";
}

function showAll(news) {
  news.metrics?.forEach(showMetric);
  if (news.params) showPairs("params", news.params, () => false);
  if (news.tags) showPairs("tags", news.tags, ours);
}

// A metric becomes a line once it has a step; before that its one value says it all.
const isLine = (metric) => metric.step !== 0;

let source = null;

function follow() {
  source?.close();
  source = new EventSource(`/api/v1/runs/${run.run}/events`);
  source.addEventListener("run", (event) => {
    const whole = JSON.parse(event.data);
    id("live").hidden = false;
    showAll(whole);
    whole.metrics.filter(isLine).forEach((metric) => board.chart(metric.key).again());
    if (!showInfo(whole)) end();
  });
  source.addEventListener("change", (event) => {
    const news = JSON.parse(event.data);
    showAll(news);
    news.metrics?.filter(isLine).forEach((metric) => board.chart(metric.key));
    news.series?.forEach((series) => board.charts.get(series.key)?.add(series));
    news.reload?.forEach((key) => board.charts.get(key)?.again());
    if (news.info && !showInfo(news.info)) end();
  });
  source.addEventListener("error", () => {
    id("live").hidden = true;
    // A refusal closes it for good; the browser itself comes back to a stream that broke off.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || follow(), 30_000);
  });
}

// The last points may have come out of order, so the lines are read once more.
function end() {
  stop();
  run.live = "false";
  board.charts.forEach((chart) => chart.again());
}

function stop() {
  source?.close();
  source = null;
  id("live").hidden = true;
}

if (run.live === "true") {
  // A browser opens few connections to one server: pages that nobody looks at need none.
  const turn = () => {
    if (run.live !== "true" || document.hidden) stop();
    else if (source === null) follow();
  };
  document.addEventListener("visibilitychange", turn);
  turn();
}
