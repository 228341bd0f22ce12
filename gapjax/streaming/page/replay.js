"use strict";
// Clips of the server, replayed at their own rate.

const REPLAY = {timer: null, index: 0, next: 0, started: 0, clip: null, paused: false, turn: 0};
// Milliseconds after a clip: half a second later its last frames are recognized.
const REPLAY_REST = 800;

function replayControls() {
  const names = TOLD.hello.clips.map((clip) => clip.label ? `${clip.label}: ${clip.name}` : clip.name);
  const pause = element("button", {class: "mark", id: "pause", onclick: () => {
    REPLAY.paused = !REPLAY.paused;
    REPLAY.started = performance.now() - 1000 * REPLAY.next / TOLD.hello.rate;
    pause.textContent = REPLAY.paused ? "go on" : "pause";
  }}, "pause");
  const all = element("input", {type: "checkbox", id: "all"});
  all.checked = true;
  REPLAY.paused = false;
  return [choice("clip", names, REPLAY.index, playClip), pause,
    element("label", {}, all, " one after another")];
}

async function playClip(index) {
  stopReplay();
  const {turn} = REPLAY;
  REPLAY.index = index;
  const list = document.querySelector("#controls select");
  if (list) list.selectedIndex = index;
  const answer = await fetch(`clips/${index}`);
  if (REPLAY.turn !== turn) return;
  if (!answer.ok) { say(`clip ${index} cannot be read`, "error"); return; }
  const clip = await answer.json();
  if (REPLAY.turn !== turn) return;
  send({clear: true});
  Object.assign(REPLAY, {clip: {...clip, joints: floats(clip.frames)}, next: 0,
    started: performance.now(), timer: setInterval(replayTick, 1000 / TOLD.hello.rate)});
}

function stopReplay() {
  clearInterval(REPLAY.timer);
  REPLAY.timer = null;
  REPLAY.turn++;
}

function floats(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({length: bytes.length / 4}, (_, i) => view.getFloat32(4 * i, true));
}

// Send the frames whose time has come; timers of a hidden page come late.
function replayTick() {
  if (REPLAY.paused) return;
  const {clip} = REPLAY, [count] = clip.shape;
  const due = Math.floor((performance.now() - REPLAY.started) / 1000 * TOLD.hello.rate);
  for (; REPLAY.next <= Math.min(due, count - 1); REPLAY.next++) {
    const persons = frameOf(clip, REPLAY.next);
    sendFrame(persons);
    if (!LINK.watched) drawStage(persons);
  }
  const passed = performance.now() - REPLAY.started;
  if (REPLAY.next < count || passed < 1000 * count / TOLD.hello.rate + REPLAY_REST) return;
  const all = document.getElementById("all");
  if (all && all.checked) playClip((REPLAY.index + 1) % TOLD.hello.clips.length);
  else playClip(REPLAY.index);
}

function frameOf(clip, frame) {
  const [, persons, joints, numbers] = clip.shape;
  return Array.from({length: persons}, (_, person) => Array.from({length: joints}, (_, joint) => {
    const start = ((frame * persons + person) * joints + joint) * numbers;
    return Array.from(clip.joints.subarray(start, start + numbers));
  }));
}
