// Bodies on a canvas, in a report and live.

// The colors of each person: left side, middle, right side.
const PERSONS = [["#1f4e9c", "#6d7f96", "#3fb1ea"], ["#b5371f", "#9a7d70", "#f2a23a"]];

// body: {bones, sides}; place(joint) -> [x, y] on the canvas; there(joint) -> whether it is drawn.
function drawBody(context, body, person, place, there) {
  const colors = PERSONS[person % PERSONS.length];
  context.lineWidth = 2.5;
  context.lineCap = "round";
  for (const [child, parent] of body.bones) {
    if (!there(child) || !there(parent)) continue;
    context.strokeStyle = colors[body.sides[child]];
    context.beginPath();
    context.moveTo(...place(child));
    context.lineTo(...place(parent));
    context.stroke();
  }
  for (let joint = 0; joint < body.sides.length; joint++) {
    if (!there(joint)) continue;
    context.fillStyle = colors[body.sides[joint]];
    context.beginPath();
    context.arc(...place(joint), 2.2, 0, 2 * Math.PI);
    context.fill();
  }
}
