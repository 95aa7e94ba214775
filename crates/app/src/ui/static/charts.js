// Plotly in the colours of the page, and the charts of an evaluation.

import { get } from "./api.js";

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const palette = () => ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6", "--line-7", "--line-8"].map(colour);

export function layout(x, y, more) {
  const axis = (title) => ({ title: { text: title }, gridcolor: colour("--line"), zerolinecolor: colour("--line"), automargin: true });
  return {
    margin: { l: 50, r: 15, t: 10, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--ink"), size: 12 },
    xaxis: axis(x),
    yaxis: axis(y),
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--accent") },
    showlegend: false,
    colorway: palette(),
    ...more,
  };
}

// A chart fills its place, however that changes.
const places = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.dataset.drawn && target.offsetWidth > 0) Plotly.Plots.resize(target);
});

// Draws, or says in place why there is nothing to see.
export async function draw(chart, make) {
  try {
    const [traces, look] = await make(chart);
    // Without a pointer that hovers, the buttons would cover the chart for good.
    const displayModeBar = matchMedia("(hover: hover)").matches ? "hover" : false;
    await Plotly.react(chart, traces, look, { displayModeBar, displaylogo: false });
    chart.dataset.drawn = "yes";
    places.observe(chart);
  } catch (error) {
    chart.classList.add("failed");
    chart.textContent = `The chart could not be drawn: ${error.message}`;
  }
}

export const onScheme = (listener) => matchMedia("(prefers-color-scheme: dark)").addEventListener("change", listener);

const evaluation = {
  async roc(chart) {
    const curve = await get(chart.dataset.source);
    const line = { x: curve.fpr, y: curve.tpr, mode: "lines", line: { color: colour("--accent"), width: 2 }, name: "model" };
    const chance = { x: [0, 1], y: [0, 1], mode: "lines", line: { color: colour("--soft"), dash: "dot", width: 1 }, hoverinfo: "skip" };
    const area = { text: `AUC ${curve.auc.toFixed(4)}`, x: 0.97, y: 0.05, xanchor: "right", xref: "paper", yref: "paper", showarrow: false };
    return [[chance, line], layout("false positive rate", "true positive rate", { annotations: [area] })];
  },

  async confusion(chart) {
    const { labels, matrix } = await get(chart.dataset.source);
    const heat = {
      type: "heatmap", x: labels, y: labels, z: matrix, text: matrix, texttemplate: "%{text}", showscale: false,
      colorscale: [[0, colour("--ground")], [1, colour("--accent")]], hovertemplate: "true %{y}, predicted %{x}: %{z}<extra></extra>",
    };
    const more = layout("predicted", "true");
    more.xaxis.type = "category";
    more.yaxis.type = "category";
    more.yaxis.autorange = "reversed";
    return [[heat], more];
  },
};

export function drawAll() {
  const charts = [...document.querySelectorAll("[data-chart]")].filter((chart) => evaluation[chart.dataset.chart]);
  const all = () => charts.forEach((chart) => draw(chart, evaluation[chart.dataset.chart]));
  all();
  if (charts.length > 0) onScheme(all);
}
