"use strict";
// The webcam: MediaPipe's pose model in the browser, whose landmarks become the bundle's joints.

const CAMERA = {pose: null, video: null, running: false, frames: 0};

function cameraControls() {
  const {pose, body} = TOLD.hello;
  if (!pose) return [element("span", {class: "quiet"}, "Start gapjax.live with --pose=FOLDER: the " +
    "folder of npm's package @mediapipe/pose, or its https address.")];
  if (body.unmapped.length) return [element("span", {class: "unseen"},
    `No landmark stands for ${body.unmapped.join(", ")}: this body cannot be had from a camera.`)];
  CAMERA.video = element("video", {playsinline: "", muted: ""});
  startCamera().catch((error) => say(`the camera or its pose model does not start: ${error.message || error}`, "error"));
  return [CAMERA.video];
}

async function startCamera() {
  CAMERA.running = true;
  if (!navigator.mediaDevices) throw new Error("a browser gives a camera to localhost alone");
  const video = CAMERA.video;
  video.srcObject = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}});
  await video.play();
  if (!CAMERA.pose) CAMERA.pose = await openPose(TOLD.hello.pose);
  send({clear: true});
  while (CAMERA.running && CAMERA.video === video) {
    await CAMERA.pose.send({image: video});
    await new Promise(requestAnimationFrame);
  }
  video.srcObject.getTracks().forEach((track) => track.stop());
}

function stopCamera() { CAMERA.running = false; }

async function openPose(folder) {
  say("loads the pose model …", "note");
  await new Promise((resolve, reject) => {
    const script = element("script", {src: `${folder}/pose.js`, onload: resolve,
      onerror: () => reject(new Error(`${folder}/pose.js cannot be loaded`))});
    document.head.append(script);
  });
  const pose = new Pose({locateFile: (name) => `${folder}/${name}`});
  pose.setOptions({modelComplexity: 1, smoothLandmarks: true});
  pose.onResults(takePose);
  await pose.initialize();
  say("", "note");
  return pose;
}

function takePose(results) {
  if (!CAMERA.running) return;
  CAMERA.frames++;
  const {body, coordinates} = TOLD.hello, {videoWidth, videoHeight} = CAMERA.video;
  const marks = body.space === 3 ? results.poseWorldLandmarks : results.poseLandmarks;
  const persons = marks ? [jointsOf(marks, body, coordinates, [videoWidth, videoHeight])] : [];
  sendFrame(persons);
  if (!LINK.watched) drawStage(persons);
}

// Weighted sums of landmarks. The model's world has x to the right, y down and z away, in meters
// from the hips; the bundle's has x to the left and y up, about where bodies stood in training.
// Two coordinates are pixels. A joint is as visible as the least visible of its landmarks.
function jointsOf(marks, body, coordinates, size) {
  return body.matrix.map((weights) => {
    const used = weights.map((_, mark) => mark).filter((mark) => weights[mark]);
    const sum = (key) => used.reduce((all, mark) => all + weights[mark] * marks[mark][key], 0);
    const [x, y, z] = [sum("x"), sum("y"), sum("z")];
    const joint = body.space === 3
      ? [body.place[0] - x, body.place[1] - y, body.place[2] + z] : [x * size[0], y * size[1]];
    if (coordinates > body.space) joint.push(Math.min(...used.map((mark) => marks[mark].visibility ?? 1)));
    return joint.concat(Array(coordinates - joint.length).fill(0));
  });
}

function showMapping(body) {
  const words = (weights) => Object.entries(weights)
    .map(([name, weight]) => weight === 1 ? name : `${number(weight)} ${name}`).join(" + ");
  document.getElementById("mapping").append(
    element("p", {class: "quiet"}, `${body.name}: each joint is a sum of MediaPipe's landmarks.`),
    element("table", {}, element("tbody", {}, ...body.joints.map((joint) => element("tr", {},
      element("td", {}, joint), element("td", {}, words(body.landmarks[joint]) || "-"))))));
}
