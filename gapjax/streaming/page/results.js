"use strict";
// What was recognized, of which classes, and how fast.

const TOLD = {frames: [], delays: [], hello: null};

function showClasses(told) {
  const box = document.getElementById("classes");
  if (document.activeElement !== box) box.value = told.classes.join("; ");
  const count = `${told.classes.length} classes`;
  const fixed = " of this bundle, which are fixed: it was not trained to recognize others by name";
  document.getElementById("about-classes").textContent =
    TOLD.hello.any_classes ? [count, ...told.notes].join(" · ") : count + fixed;
  box.dataset.state = "ready";
}

function showRecognized(told) {
  const list = document.getElementById("best"), best = told.recognized;
  const seen = new Set(TOLD.hello.trained_on);
  const span = best.length ? (best[0].score - told.lowest) || 1 : 1;
  list.replaceChildren(...best.map((each) => element("li", {},
    element("span", {class: seen.has(each.name) ? "name" : "name unseen",
      title: seen.has(each.name) ? "trained on" : "not trained on"}, each.name),
    element("span", {class: "quiet"}, each.score.toFixed(3)),
    element("div", {class: "bar"}, element("i", {style:
      `width: ${Math.max(0, 100 * (each.score - told.lowest) / span)}%`})))));
  if (!best.length) list.replaceChildren(element("li", {class: "quiet"}, "nobody is seen"));
  showParts(best.length ? best[0].parts || [] : []);
  showUnlike(told.unlike);
  showNumbers(told);
}

function clearRecognized() {
  document.getElementById("best").replaceChildren();
  document.getElementById("numbers").textContent = "";
  Object.assign(TOLD, {frames: [], delays: []});
  showParts([]);
  drawStage([]);
}

// The similarity of each body part to the best class.
function showParts(values) {
  document.querySelector("#parts tbody").replaceChildren(...values.map((value, p) =>
    element("tr", {}, element("td", {class: "quiet"}, TOLD.hello.parts[p]),
      element("td", {style: "width: 140px"}, element("div", {style: "height: 7px; " +
        `background: var(--first); opacity: ${value < 0 ? 0.35 : 1}; ` +
        `width: ${Math.min(1, Math.abs(value)) * 130}px`})),
      element("td", {class: "number"}, value.toFixed(2)))));
}

function showUnlike(unlike) {
  const line = unlike.length ? `unlike the training data: ${unlike.join("; ")}` : "";
  if (line || document.getElementById("messages").dataset.kind === "unlike") say(line, "unlike");
}

function showNumbers(told) {
  const now = performance.now();
  TOLD.frames.push([now, told.received]);
  TOLD.frames = TOLD.frames.filter(([when]) => now - when < 3000);
  if (told.time !== null && told.time !== undefined) TOLD.delays.push(now - told.time);
  TOLD.delays = TOLD.delays.slice(-20);
  const [first, count] = TOLD.frames[0], seconds = (now - first) / 1000;
  const rate = seconds > 0.5 ? `${((told.received - count) / seconds).toFixed(0)} frames/s` : "";
  const delay = TOLD.delays.length
    ? `delay ${(TOLD.delays.reduce((sum, each) => sum + each) / TOLD.delays.length).toFixed(0)} ms` : "";
  const dropped = told.dropped + LINK.held;
  document.getElementById("numbers").textContent = [
    `window of ${told.frames} of ${TOLD.hello.window} frames`, rate, delay,
    `recognized in ${told.milliseconds.toFixed(0)} ms`,
    `${dropped} frames dropped`].filter((each) => each).join(" · ");
}

// One line that concerns the user: an error, a warning, or nothing.
function say(line, kind) {
  const place = document.getElementById("messages");
  place.textContent = line;
  place.dataset.kind = kind;
}
