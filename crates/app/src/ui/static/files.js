// Scripts of an HTML file run only when asked to, in a frame with an origin of its own.

const button = document.getElementById("run-scripts");
button?.addEventListener("click", () => {
  const old = document.getElementById("preview");
  const frame = old.cloneNode();
  frame.setAttribute("sandbox", "allow-scripts");
  frame.src = button.dataset.source;
  old.replaceWith(frame);
  button.disabled = true;
});
