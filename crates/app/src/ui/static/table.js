// A table of any length of which only the rows in sight are in the page.

import { element } from "./format.js";

// Rows above and below what is seen, and rows that are left when more are asked for.
const BEYOND = 12;
const AHEAD = 150;

export class LongTable {
  // `build` makes the row of an item; `more` is called when the last rows come near.
  constructor(scroller, table, build, more) {
    Object.assign(this, { scroller, table, build, more, items: [], shown: new Map() });
    const spacer = () => element("tr", { class: "spacer", "aria-hidden": "true" }, element("td"));
    this.above = spacer();
    this.below = spacer();
    let due = false;
    const soon = () => {
      if (due) return;
      due = true;
      requestAnimationFrame(() => { due = false; this.show(); });
    };
    scroller.addEventListener("scroll", soon, { passive: true });
    new ResizeObserver(soon).observe(scroller);
  }

  // Shows other items from their beginning.
  replace(items) {
    this.items = items;
    this.shown.clear();
    this.table.tBodies[0].replaceChildren(this.above, this.below);
    this.scroller.scrollTop = 0;
    this.show();
    this.fixWidths();
  }

  append(items) {
    this.items.push(...items);
    this.show();
  }

  // Columns keep the width that they have now, so that nothing moves while one scrolls.
  fixWidths() {
    const heads = [...this.table.tHead.rows[0].cells];
    this.table.style.tableLayout = "auto";
    this.table.style.width = "";
    heads.forEach((head) => { head.style.width = ""; });
    const widths = heads.map((head) => head.getBoundingClientRect().width);
    heads.forEach((head, at) => { head.style.width = `${widths[at]}px`; });
    this.table.style.width = `${widths.reduce((sum, width) => sum + width, 0)}px`;
    this.table.style.tableLayout = "fixed";
  }

  show() {
    const height = this.height();
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - BEYOND);
    const last = Math.min(this.items.length, Math.ceil((scrollTop + clientHeight) / height) + BEYOND);
    for (const [at, row] of this.shown) {
      if (at >= first && at < last) continue;
      if (row.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
      row.remove();
      this.shown.delete(at);
    }
    let next = this.above.nextSibling;
    for (let at = first; at < last; at += 1) {
      const row = this.shown.get(at) ?? this.build(this.items[at], at);
      this.shown.set(at, row);
      if (row === next) next = row.nextSibling;
      else this.above.parentNode.insertBefore(row, next);
    }
    this.above.style.height = `${first * height}px`;
    this.below.style.height = `${Math.max(0, this.items.length - last) * height}px`;
    this.above.hidden = first === 0;
    this.below.hidden = last >= this.items.length;
    if (last + AHEAD > this.items.length) this.more();
  }

  // All rows are as high as the first.
  height() {
    const row = this.shown.values().next().value;
    if (row?.isConnected && row.offsetHeight > 0) this.rowHeight = row.offsetHeight;
    return this.rowHeight ?? 36;
  }
}
