// Metrics over their steps: one chart for each metric, one line for each run. A chart is read when it comes into sight,
// and drawn again only while it is there.

import { get } from "./api.js";
import { colour, draw, layout, onScheme, palette } from "./charts.js";
import { element } from "./format.js";

// Points of a line after which it is read again, thinned out.
const MOST_POINTS = 3000;
// Shortest time between two drawings of a chart.
const PAUSE = 400;

// The API writes numbers that JSON lacks as texts; a line has a gap there.
const number = (value) => (typeof value === "number" ? value : null);

// An exponential moving average without the bias of its start at zero, as TensorBoard draws it.
export function smooth(values, weight) {
  let last = 0;
  let seen = 0;
  return values.map((value) => {
    if (value === null) return null;
    last = last * weight + (1 - weight) * value;
    seen += 1;
    return last / (1 - weight ** seen);
  });
}

class Line {
  constructor() {
    this.points = [];
  }

  replace(series) {
    this.points = series.steps.map((step, at) => ({ step, time: series.timestamps_ms[at], value: number(series.values[at]) }));
  }

  // Adds points that are not there yet, each at its place.
  add(series) {
    for (let at = 0; at < series.steps.length; at += 1) {
      const point = { step: series.steps[at], time: series.timestamps_ms[at], value: number(series.values[at]) };
      let place = this.points.length;
      const after = (other) => other.step > point.step || (other.step === point.step && other.time > point.time);
      while (place > 0 && after(this.points[place - 1])) place -= 1;
      const same = (other) => other && other.step === point.step && other.time === point.time && other.value === point.value;
      let before = place - 1;
      while (before >= 0 && this.points[before].step === point.step && this.points[before].time === point.time && !same(this.points[before])) before -= 1;
      if (!same(this.points[before])) this.points.splice(place, 0, point);
    }
  }
}

class Chart {
  constructor(board, place) {
    this.board = board;
    this.place = place;
    this.key = place.dataset.title;
    this.lines = new Map(board.runs.map((run) => [run.id, new Line()]));
    this.waiting = [];
    this.state = "unread";
    this.inSight = false;
    this.due = null;
  }

  async read() {
    this.state = "reading";
    try {
      const ids = this.board.runs.map((run) => run.id).join(",");
      for (const series of await get(`/api/v1/series?run_ids=${ids}&key=${encodeURIComponent(this.key)}`)) {
        this.lines.get(series.run_id).replace(series);
      }
      this.waiting.splice(0).forEach((series) => this.lines.get(series.run_id)?.add(series));
      this.state = "read";
      this.show();
    } catch (error) {
      this.state = "unread";
      draw(this.place, () => { throw error; });
    }
  }

  add(series) {
    if (this.state === "reading") this.waiting.push(series);
    if (this.state !== "read") return;
    const line = this.lines.get(series.run_id);
    line.add(series);
    if (line.points.length > MOST_POINTS) this.again();
    else this.show();
  }

  // Reads it again, now or when it comes into sight.
  again() {
    if (this.state === "reading") return;
    this.state = "unread";
    if (this.inSight) this.read();
  }

  seen(inSight) {
    this.inSight = inSight;
    if (inSight && this.state === "unread") this.read();
    else if (inSight && this.stale) this.show();
  }

  // Draws it soon, but not too often and only where it is seen.
  show() {
    this.stale = true;
    if (this.due !== null || !this.inSight) return;
    const wait = Math.max(0, (this.drawnAt ?? 0) + PAUSE - performance.now());
    this.due = setTimeout(async () => {
      this.due = null;
      this.stale = false;
      this.drawnAt = performance.now();
      await draw(this.place, () => this.picture());
      this.place.dataset.points = [...this.lines.values()].reduce((sum, line) => sum + line.points.length, 0);
    }, wait);
  }

  picture() {
    const { axis, smoothing, log } = this.board.look;
    const filled = this.board.runs.map((run, at) => ({ run, at, points: this.lines.get(run.id).points })).filter((line) => line.points.length > 0);
    const start = Math.min(...filled.map((line) => line.points[0].time));
    const colours = this.board.runs.length === 1 ? [colour("--accent")] : palette();
    const traces = [];
    for (const { run, at, points } of filled) {
      const x = points.map(({ step, time }) => (axis === "step" ? step : axis === "time" ? new Date(time) : (time - (this.board.runs.length > 1 ? points[0].time : start)) / 1000));
      const y = points.map((point) => point.value);
      const line = { color: colours[at % colours.length], width: 2 };
      const mode = points.length > 100 ? "lines" : "lines+markers";
      const plain = { x, y, name: run.name, mode, line, marker: { size: 5, color: line.color } };
      if (smoothing > 0) {
        traces.push({ ...plain, mode: "lines", line: { ...line, width: 1 }, opacity: 0.3, hoverinfo: "skip", showlegend: false });
        traces.push({ ...plain, mode: "lines", y: smooth(y, smoothing) });
      } else traces.push(plain);
    }
    const many = this.board.runs.length > 1;
    const look = layout({ step: "step", time: "", relative: "seconds" }[axis], "", {
      showlegend: many && this.board.runs.length <= 20,
      legend: { orientation: "h", y: -0.25 },
      hovermode: many ? "closest" : "x",
      uirevision: `${axis} ${log}`,
    });
    if (axis === "step") look.xaxis.tickformat = "d";
    if (axis === "time") look.xaxis.type = "date";
    if (log) look.yaxis.type = "log";
    return [traces, look];
  }
}

// The charts of a page with their controls; what the controls say is kept in the address.
export class Board {
  constructor(runs, controls, place) {
    this.runs = runs;
    this.controls = controls;
    this.place = place;
    this.charts = new Map();
    this.sight = new IntersectionObserver((entries) => {
      for (const entry of entries) this.charts.get(entry.target.dataset.title)?.seen(entry.isIntersecting);
    }, { rootMargin: "200px" });
    this.fromAddress();
    for (const event of ["input", "change"]) controls.addEventListener(event, () => this.toAddress());
    controls.addEventListener("submit", (event) => event.preventDefault());
    document.querySelectorAll("[data-chart=history]").forEach((chart) => this.watch(chart));
    onScheme(() => this.charts.forEach((chart) => chart.show()));
  }

  watch(place) {
    this.charts.set(place.dataset.title, new Chart(this, place));
    this.sight.observe(place);
  }

  // The chart of a metric, made when there is none.
  chart(key) {
    if (!this.charts.has(key)) {
      const place = element("div", { class: "chart", "data-chart": "history", "data-title": key });
      const figure = element("figure", {}, element("figcaption", {}, key), place);
      const parent = this.place(key);
      const later = [...parent.children].find((other) => other.querySelector(".chart").dataset.title > key);
      parent.insertBefore(figure, later ?? null);
      this.watch(place);
    }
    return this.charts.get(key);
  }

  fromAddress() {
    const address = new URLSearchParams(location.search);
    const { axis, smoothing, log } = this.controls.elements;
    if (["time", "relative"].includes(address.get("axis"))) axis.value = address.get("axis");
    if (address.has("smoothing")) smoothing.value = address.get("smoothing");
    log.checked = address.has("log");
    this.read();
  }

  read() {
    const { axis, smoothing, log } = this.controls.elements;
    this.look = { axis: axis.value, smoothing: Number(smoothing.value), log: log.checked };
    this.controls.querySelector("output").textContent = smoothing.value;
  }

  toAddress() {
    this.read();
    const address = new URLSearchParams(location.search);
    const set = (name, value, usual) => (value === usual ? address.delete(name) : address.set(name, value));
    set("axis", this.look.axis, "step");
    set("smoothing", String(this.look.smoothing), "0");
    set("log", this.look.log ? "1" : "", "");
    history.replaceState(null, "", address.size > 0 ? `?${address}` : location.pathname);
    this.charts.forEach((chart) => chart.show());
  }
}
