"use strict";
// The page: where frames come from, and what is typed.

// Name of a source -> its controls, and what ends it.
const SOURCES = {
  "clips": {show: replayControls, start: () => TOLD.hello.clips.length && playClip(REPLAY.index),
    stop: stopReplay},
  "another program": {show: watchControls, start: () => {}, stop: () => watch(0)},
  "webcam": {show: cameraControls, start: () => {}, stop: stopCamera},
};
// typed: the classes of one's own stream, for a server that comes back.
const PAGE = {source: "", streams: [], typed: ""};

function chooseSource(name) {
  if (PAGE.source) SOURCES[PAGE.source].stop();
  PAGE.source = name;
  document.querySelectorAll("#sources button").forEach((each) =>
    each.setAttribute("aria-pressed", each.textContent === name));
  say("", "note");
  clearRecognized();
  document.getElementById("controls").replaceChildren(...SOURCES[name].show());
  SOURCES[name].start();
}

// The streams of other clients, whose frames are shown instead.
function watchControls() {
  const others = PAGE.streams.filter((number) => number !== LINK.stream);
  if (others.length && !others.includes(LINK.watched)) watch(others[0]);
  const how = `Send frames to ws://${location.host}/stream: docs/live.md has ten lines that do.`;
  return others.length
    ? [choice("stream", others.map(String), others.indexOf(LINK.watched), (i) => watch(others[i]))]
    : [element("span", {class: "quiet"}, how)];
}

function greet({hello}) {
  const first = !TOLD.hello;
  Object.assign(TOLD, {hello, frames: [], delays: []});
  Object.assign(LINK, {stream: hello.stream, watched: 0});
  document.getElementById("about").textContent = `${hello.bundle} · ${hello.method} on ` +
    `${hello.dataset} · windows of ${hello.window} frames, recognized after ${hello.every} new ones`;
  setStage(hello.body);
  document.getElementById("classes").disabled = !hello.any_classes;
  if (first) {
    showMapping(hello.body);
    document.getElementById("sources").replaceChildren(...Object.keys(SOURCES).map((name) =>
      element("button", {class: "mark", onclick: () => chooseSource(name)}, name)));
  }
  if (PAGE.typed) send({classes: PAGE.typed});
  chooseSource(PAGE.source || (hello.clips.length ? "clips" : "another program"));
  document.body.dataset.ready = "yes";
}

// Whether classes are those of the box.
function isTyped(told) { return told.of === (LINK.watched || LINK.stream); }

// Whether frames and results are of the stream that is shown: one's own is not beside others.
function isShown(told) {
  return told.of === (PAGE.source === "another program" ? LINK.watched : LINK.stream);
}

function takeStreams(told) {
  PAGE.streams = told.streams;
  if (PAGE.source !== "another program") return;
  if (LINK.watched && !told.streams.includes(LINK.watched)) { watch(0); clearRecognized(); }
  document.getElementById("controls").replaceChildren(...watchControls());
}

// Typed classes take effect when typing pauses.
function watchClasses() {
  const box = document.getElementById("classes");
  let timer = null;
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      box.dataset.state = "waiting";
      document.getElementById("about-classes").textContent = "embeds their texts …";
      const classes = box.value.replaceAll("\n", ";");
      if (!LINK.watched) PAGE.typed = classes;
      send({classes});
    }, 400);
  });
}

watchClasses();
connect({
  hello: greet,
  recognized: (told) => { if (isShown(told)) showRecognized(told); },
  frame: (told) => { if (isShown(told)) drawStage(told.frame); },
  classes: (told) => { if (isTyped(told)) { showClasses(told); clearSaid(); } },
  streams: takeStreams,
  error: (told) => say(told.error, "error"),
  warning: (told) => say(told.warning, "warning"),
});

// What was wrong is right now.
function clearSaid() {
  if (document.getElementById("messages").dataset.kind === "error") say("", "note");
}
