// Runs side by side: their curves, parallel coordinates and a scatter plot.

import { get } from "./api.js";
import { colour, draw, layout, onScheme } from "./charts.js";
import { element, shortNumber } from "./format.js";
import { Board } from "./lines.js";

const id = (name) => document.getElementById(name);
const runs = JSON.parse(id("curves").dataset.runs);
const SCALE = [[0, "#2f6fde"], [0.5, "#a06cc9"], [1, "#e8743b"]];
// Axes that are shown when nobody chose.
const USUAL_AXES = 7;
// So many different values are ticks themselves.
const MOST_TICKS = 6;
// An axis of positive numbers is logarithmic when the greatest is so many times the least.
const WIDE = 30;

if (!id("curves").hidden) new Board(runs, id("controls"), () => id("lines"));

// One param or metric of all runs: as numbers where all that are there are, else by their place among the texts.
function dimension(entity, row) {
  const there = row.values.filter((value) => value !== null && value !== "");
  const numeric = there.length > 0 && there.every((value) => typeof value === "number" || (value.trim() !== "" && Number.isFinite(Number(value))));
  const texts = numeric ? null : [...new Set(there.map(String))].sort();
  const values = row.values.map((value) => (value === null || value === "" ? null : numeric ? Number(value) : texts.indexOf(String(value))));
  return { name: `${entity}.${row.key}`, values, texts, differs: row.differs };
}

function ticks({ texts, values }) {
  if (texts) return [texts.map((_, at) => at), texts.map((text) => (text.length > 18 ? `${text.slice(0, 17)}…` : text))];
  const found = values.filter((value) => value !== null);
  const apart = [...new Set(found)];
  const [low, high] = [Math.min(...found), Math.max(...found)];
  const places = apart.length <= MOST_TICKS ? apart : [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
  return [places, places.map(shortNumber)];
}

const shown = (dimension, run) => {
  const value = dimension.values[run];
  return value === null ? "none" : dimension.texts ? dimension.texts[value] : shortNumber(value);
};

// Where a value lies between the least and the greatest, 0 to 1.
function share({ values, texts }) {
  const found = values.filter((value) => value !== null);
  const wide = !texts && Math.min(...found) > 0 && Math.max(...found) / Math.min(...found) >= WIDE;
  const scale = wide ? Math.log : (value) => value;
  const [low, high] = [scale(Math.min(...found)), scale(Math.max(...found))];
  return (value) => (value === null ? null : high === low ? 0.5 : (scale(value) - low) / (high - low));
}

function mixed(at) {
  if (at === null) return colour("--soft");
  const [from, to] = at < 0.5 ? [SCALE[0], SCALE[1]] : [SCALE[1], SCALE[2]];
  const part = (at - from[0]) / (to[0] - from[0]);
  const channel = (text, place) => parseInt(text.slice(1 + 2 * place, 3 + 2 * place), 16);
  const mix = (place) => Math.round(channel(from[1], place) * (1 - part) + channel(to[1], place) * part);
  return `rgb(${mix(0)},${mix(1)},${mix(2)})`;
}

const colourBar = (dimension) => {
  const [tickvals, ticktext] = ticks(dimension);
  return { title: { text: dimension.name, side: "right" }, tickvals, ticktext, thickness: 12, outlinewidth: 0 };
};

function parallel(axes, by) {
  const scales = axes.map(share);
  const hue = share(by);
  const traces = runs.map((run, at) => ({
    x: axes.map((_, place) => place), y: axes.map((axis, place) => scales[place](axis.values[at])),
    mode: "lines+markers", name: run.name, connectgaps: false, line: { color: mixed(hue(by.values[at])), width: 1.5 }, marker: { size: 5 },
    text: axes.map((axis) => `${axis.name}: ${shown(axis, at)}`), hovertemplate: "%{text}<extra>%{fullData.name}</extra>",
  }));
  // Nothing to see, but the bar that tells what the colours mean.
  traces.push({
    x: [null], y: [null], mode: "markers", hoverinfo: "skip",
    marker: { color: by.values.filter((value) => value !== null), colorscale: SCALE, showscale: true, cmin: Math.min(...by.values.filter((v) => v !== null)), cmax: Math.max(...by.values.filter((v) => v !== null)), colorbar: colourBar(by) },
  });
  const label = (place, text, y) => ({ x: place, y, text, showarrow: false, xanchor: "left", xshift: 4, font: { size: 10, color: colour("--soft") } });
  const annotations = axes.flatMap((axis, place) => {
    const [places, texts] = ticks(axis);
    return places.slice(0, 12).map((value, at) => label(place, texts[at], scales[place](value)));
  });
  const look = layout("", "", { annotations, hovermode: "closest" });
  Object.assign(look.xaxis, {
    tickvals: axes.map((_, place) => place), ticktext: axes.map((axis) => axis.name.slice(axis.name.indexOf(".") + 1)), range: [-0.15, axes.length - 1 + 0.35], zeroline: false, gridwidth: 2,
  });
  Object.assign(look.yaxis, { visible: false, range: [-0.05, 1.05] });
  return [traces, look];
}

function scatter(x, y, by) {
  const marker = { size: 10, color: by.values, colorscale: SCALE, showscale: true, colorbar: colourBar(by), line: { width: 1, color: colour("--ground") } };
  const text = runs.map((run, at) => `${run.name}<br>${x.name}: ${shown(x, at)}<br>${y.name}: ${shown(y, at)}<br>${by.name}: ${shown(by, at)}`);
  const look = layout(x.name, y.name, { hovermode: "closest" });
  for (const [axis, dimension] of [[look.xaxis, x], [look.yaxis, y]]) {
    if (dimension.texts) [axis.tickvals, axis.ticktext] = ticks(dimension);
  }
  return [[{ x: x.values, y: y.values, mode: "markers", marker, text, hovertemplate: "%{text}<extra></extra>" }], look];
}

function options(select, dimensions, name) {
  select.replaceChildren(...dimensions.map((dimension) => element("option", { value: dimension.name }, dimension.name)));
  if (name) select.value = name;
}

async function shapes() {
  const compared = await get(`/api/v1/runs/compare?run_ids=${runs.map((run) => run.id).join(",")}`);
  const all = [
    ...compared.params.map((row) => dimension("params", row)), ...compared.metrics.map((row) => dimension("metrics", row)),
  ].filter((dimension) => dimension.values.some((value) => value !== null));
  const differing = all.filter((dimension) => dimension.differs);
  const found = new Map(all.map((dimension) => [dimension.name, dimension]));
  const numbers = differing.filter((dimension) => dimension.name.startsWith("metrics."));
  if (runs.length < 2 || differing.length < 2) {
    id("shapes").remove();
    return;
  }
  const best = (numbers.at(-1) ?? differing.at(-1)).name;
  // Params left, metrics right, as they depend on each other.
  const usual = [...differing.filter((dimension) => dimension.name.startsWith("params.")).slice(0, USUAL_AXES - 2), ...numbers.slice(-2)];
  const address = new URLSearchParams(location.search);
  const [parallelForm, scatterForm] = [id("parallel-controls"), id("scatter-controls")];
  const chosen = address.getAll("dimension").filter((name) => found.has(name));
  const axes = new Set(chosen.length > 1 ? chosen : usual.map((dimension) => dimension.name));
  const known = (name, other) => (found.has(address.get(name)) ? address.get(name) : other);
  options(parallelForm.elements.colour, all, known("colour", best));
  options(scatterForm.elements.x, all, known("x", usual[0].name));
  options(scatterForm.elements.y, all, known("y", best));
  options(scatterForm.elements.colour, all, known("shade", usual[1]?.name ?? best));
  parallelForm.querySelector("fieldset").replaceChildren(...[...differing, ...all.filter((dimension) => !dimension.differs)].map((dimension) => {
    const box = element("input", { type: "checkbox", value: dimension.name });
    box.checked = axes.has(dimension.name);
    return element("label", {}, box, ` ${dimension.name}`);
  }));
  const drawBoth = () => {
    const shownAxes = all.filter((dimension) => axes.has(dimension.name));
    draw(id("parallel"), () => parallel(shownAxes, found.get(parallelForm.elements.colour.value)));
    const { x, y, colour: shade } = scatterForm.elements;
    draw(id("scatter"), () => scatter(found.get(x.value), found.get(y.value), found.get(shade.value)));
  };
  const keep = () => {
    const now = new URLSearchParams(location.search);
    now.delete("dimension");
    axes.forEach((name) => now.append("dimension", name));
    now.set("colour", parallelForm.elements.colour.value);
    for (const [name, field] of [["x", "x"], ["y", "y"], ["shade", "colour"]]) now.set(name, scatterForm.elements[field].value);
    history.replaceState(null, "", `?${now}`);
    drawBoth();
  };
  parallelForm.addEventListener("change", (event) => {
    if (event.target.type === "checkbox") {
      if (event.target.checked) axes.add(event.target.value);
      else axes.delete(event.target.value);
    }
    keep();
  });
  scatterForm.addEventListener("change", keep);
  onScheme(drawBoth);
  drawBoth();
}

shapes();
