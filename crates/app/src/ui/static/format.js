// Values as people read them, as the server writes them.

export function shortNumber(value) {
  if (typeof value !== "number") return value === "Infinity" ? "inf" : value === "-Infinity" ? "-inf" : String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return String(value);
  if (size < 1e-4 || size >= 1e9) return value.toExponential(5);
  const after = Math.min(9, Math.max(0, 5 - Math.floor(Math.log10(size))));
  const text = value.toFixed(after);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export function duration(run) {
  if (run.end_time_ms === null) return "";
  const ms = Math.max(0, run.end_time_ms - run.start_time_ms);
  if (ms < 1e3) return `${ms} ms`;
  if (ms < 6e4) return `${(ms / 1e3).toFixed(1)} s`;
  if (ms < 3.6e6) return `${Math.floor(ms / 6e4)} min ${Math.floor(ms / 1e3) % 60} s`;
  return `${Math.floor(ms / 3.6e6)} h ${Math.floor(ms / 6e4) % 60} min`;
}

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
export const moment = (ms) => clock.format(new Date(ms));

// An element with attributes and children, which may be texts.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A key as the search language takes it, whatever is in it.
export function quoted(column) {
  const dot = column.indexOf(".");
  if (dot < 0) return column;
  const [entity, key] = [column.slice(0, dot), column.slice(dot + 1)];
  return key.includes("`") ? `${entity}."${key}"` : `${entity}.\`${key}\``;
}
