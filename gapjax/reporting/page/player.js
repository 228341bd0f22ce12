// A moving skeleton on a canvas: the views side by side.

const ABSENT = 65535, PANEL = 60000;
const PLAYERS = [];

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Uint16Array.from({length: bytes.length / 2}, (_, i) => view.getUint16(2 * i, true));
}

// A canvas that plays a clip while it is on the screen; a click pauses it.
function player(skeleton) {
  const height = 250, width = height * skeleton.aspect, gap = 10;
  const views = skeleton.views.length, total = views * width + (views - 1) * gap;
  const canvas = element("canvas", {width: Math.round(2 * total), height: 2 * height,
    title: "click: pause", onclick: () => { state.paused = !state.paused; }});
  const state = {canvas, paused: false, visible: true, frame: -1, started: null, skeleton,
    width, height, gap, y: unpacked(skeleton.y), x: skeleton.views.map((v) => unpacked(v.x))};
  new IntersectionObserver((seen) => { state.visible = seen[0].isIntersecting; }).observe(canvas);
  PLAYERS.push(state);
  drawFrame(state, 0);
  return canvas;
}

function drawFrame(state, frame) {
  const {canvas, skeleton, width, height, gap} = state;
  const context = canvas.getContext("2d");
  context.setTransform(2, 0, 0, 2, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.font = "11px sans-serif";
  skeleton.views.forEach((view, v) => {
    const left = v * (width + gap);
    context.fillStyle = "#6b7787";
    context.fillText(view.title, left + 8, 16);
    for (let person = 0; person < skeleton.shape[1]; person++) drawPerson(state, context, v, frame, person, left);
  });
  context.fillStyle = "#6b7787";
  context.fillText(`${frame + 1}/${skeleton.shape[0]}`, 8, height - 8);
  state.frame = frame;
}

function drawPerson(state, context, view, frame, person, left) {
  const [, persons, joints] = state.skeleton.shape;
  const start = (frame * persons + person) * joints;
  const place = (joint) => [left + state.x[view][start + joint] / PANEL * state.width,
    22 + state.y[start + joint] / PANEL * (state.height - 44)];
  drawBody(context, state.skeleton, person, place, (joint) => state.y[start + joint] !== ABSENT);
}

function play(now) {
  for (const state of PLAYERS) {
    if (!state.canvas.isConnected || !state.visible || state.paused) continue;
    const {milliseconds, shape} = state.skeleton;
    const frame = Math.floor(now / milliseconds) % shape[0];
    if (frame !== state.frame) drawFrame(state, frame);
  }
  requestAnimationFrame(play);
}
