"use strict";

// Times in the reader's own zone.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.valueOf())) {
    time.title = time.textContent;
    time.textContent = moment.toLocaleString();
  }
}

const differences = document.getElementById("differences");
if (differences) {
  const show = () => document.getElementById("compare").classList.toggle("only-differences", differences.checked);
  differences.addEventListener("change", show);
  show();
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The API writes numbers that JSON lacks as texts; a chart leaves them out.
const number = (value) => (typeof value === "number" ? value : null);

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} for ${address}`);
  return answer.json();
}

function layout(x, y, more) {
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
    ...more,
  };
}

const charts = {
  async roc(chart) {
    const curve = await read(chart.dataset.source);
    const line = { x: curve.fpr, y: curve.tpr, mode: "lines", line: { color: colour("--accent"), width: 2 }, name: "model" };
    const chance = { x: [0, 1], y: [0, 1], mode: "lines", line: { color: colour("--soft"), dash: "dot", width: 1 }, hoverinfo: "skip" };
    const area = { text: `AUC ${curve.auc.toFixed(4)}`, x: 0.97, y: 0.05, xanchor: "right", xref: "paper", yref: "paper", showarrow: false };
    return [[chance, line], layout("false positive rate", "true positive rate", { annotations: [area] })];
  },

  async confusion(chart) {
    const { labels, matrix } = await read(chart.dataset.source);
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

  async history(chart) {
    const addresses = chart.dataset.source.split(" ");
    const names = JSON.parse(chart.dataset.names || "[]");
    const histories = await Promise.all(addresses.map(read));
    const lines = histories.map((points, place) => ({
      x: points.map((point) => point.step), y: points.map((point) => number(point.value)),
      mode: "lines+markers", name: names[place] || chart.dataset.title,
    }));
    if (lines.length === 1) lines[0].line = { color: colour("--accent") };
    const legend = { orientation: "h", y: -0.25 };
    const more = layout("step", "", { showlegend: lines.length > 1, legend });
    more.xaxis.tickformat = "d";
    return [lines, more];
  },
};

async function draw(chart) {
  try {
    const [traces, look] = await charts[chart.dataset.chart](chart);
    // Without a pointer that hovers, the buttons would cover the chart for good.
    const displayModeBar = matchMedia("(hover: hover)").matches ? "hover" : false;
    await Plotly.react(chart, traces, look, { displayModeBar, displaylogo: false, responsive: true });
    chart.dataset.drawn = "yes";
  } catch (error) {
    chart.classList.add("failed");
    chart.textContent = `The chart could not be drawn: ${error.message}`;
  }
}

const all = document.querySelectorAll("[data-chart]");
const drawAll = () => all.forEach(draw);
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
