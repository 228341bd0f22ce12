"use strict";
// The last frame, from all sides of the bundle's body. The picture follows whoever moves.

const STAGE = {body: null, low: [], high: [], shown: 0};
// How fast the picture shrinks again after a large movement: a share of each frame.
const SHRINKING = 0.02;

function setStage(body) {
  Object.assign(STAGE, {body, low: [], high: []});
  drawStage([]);
}

// persons: an array of persons, each an array of joints, each an array of coordinates.
function drawStage(persons) {
  const canvas = document.getElementById("stage"), context = canvas.getContext("2d");
  const {body} = STAGE, gap = 10, views = body.views, height = canvas.height / 2;
  const width = (canvas.width / 2 - gap * (views.length - 1)) / views.length, top = 22;
  const present = persons.map((joints) => joints.map((joint) => isThere(joint, body.space)));
  follow(persons, present);
  context.setTransform(2, 0, 0, 2, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.font = "11px sans-serif";
  views.forEach((view, v) => {
    const left = v * (width + gap);
    context.fillStyle = "#6b7787";
    context.fillText(view.title, left + 8, 16);
    const place = placing(view, left, top, width, height - top - 10);
    persons.forEach((joints, person) => drawBody(
      context, body, person, (joint) => place(joints[joint]), (joint) => present[person][joint]));
  });
  STAGE.shown++;
}

// A joint is there if it has any coordinate, and a confidence above zero where there is one.
function isThere(joint, space) {
  if (joint.length > space && !(joint[space] > 0)) return false;
  return joint.slice(0, space).some((value) => value !== 0);
}

// Let the limits of each coordinate hold all joints, and come closer slowly.
function follow(persons, present) {
  const joints = persons.flatMap((each, person) => each.filter((_, joint) => present[person][joint]));
  if (!joints.length) return;
  for (let axis = 0; axis < STAGE.body.space; axis++) {
    const values = joints.map((joint) => joint[axis]);
    const low = Math.min(...values), high = Math.max(...values);
    const before = STAGE.low[axis] ?? low, after = STAGE.high[axis] ?? high;
    STAGE.low[axis] = Math.min(low, before + SHRINKING * (low - before));
    STAGE.high[axis] = Math.max(high, after + SHRINKING * (high - after));
  }
}

// joint -> [x, y] on the canvas: one scale for both directions, the middle of the limits central.
function placing(view, left, top, width, height) {
  const {low, high, body} = STAGE, axes = body.views.map((each) => each.across);
  const extent = (axis) => (high[axis] - low[axis]) || 1;
  const scale = 0.9 * Math.min(height / extent(1), ...axes.map((axis) => width / extent(axis)));
  const from = (joint, axis) => (joint[axis] - (low[axis] + high[axis]) / 2) * scale;
  return (joint) => [left + width / 2 + view.rightwards * from(joint, view.across),
    top + height / 2 - view.upwards * from(joint, 1)];
}
