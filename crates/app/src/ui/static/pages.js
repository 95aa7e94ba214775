// What every page has: times in the reader's own zone, forms that talk to the API, charts of the evaluation.

import { drawAll } from "./charts.js";
import { moment } from "./format.js";
import { listen } from "./forms.js";

document.documentElement.classList.add("js");

for (const time of document.querySelectorAll("time[datetime]")) {
  const ms = Date.parse(time.dateTime);
  if (!Number.isNaN(ms)) {
    time.title = time.textContent;
    time.textContent = moment(ms);
  }
}

const differences = document.getElementById("differences");
if (differences) {
  const show = () => document.getElementById("compare").classList.toggle("only-differences", differences.checked);
  differences.addEventListener("change", show);
  show();
}

// A popover closes on Escape and when one clicks elsewhere.
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest?.("details.popover[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.popover[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

listen();
drawAll();
