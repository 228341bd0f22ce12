// The confusion matrix and the accuracy of each class.

// The room for the names of classes beside a chart, in pixels: measuring them takes long.
const NAMES = 180;

function showClasses() {
  const matrix = ofEachRun(drawConfusion);
  section("confusions", "Confusions",
    element("p", {class: "quiet"}, "Rows: true class; columns: recognized as. Classes that are " +
      "confused are neighbors. Hover over a cell for its counts."), ...matrix.parts);
  matrix.show();
  const accuracies = ofEachRun(drawAccuracies);
  section("classes", "Accuracy of each class",
    element("p", {class: "quiet"}, "A click on a title sorts. The line is Wilson's 95 % interval, " +
      "as if clips were independent."), ...accuracies.parts);
  accuracies.show();
}

function atGamma(run) {
  if (!run.gamma) return null;
  const source = run.gamma.source ? " by " + run.gamma.source : "";
  return element("p", {}, "At γ = " + number(run.gamma.value) + source + "; unseen classes are ",
    element("span", {class: "unseen"}, "orange"), ".");
}

function drawConfusion(run, place) {
  const of = run.confusion, count = of.names.length;
  const side = Math.min(1000, Math.max(380, 17 * count + 190));
  const chart = element("div", {class: "chart", style: `height: ${side}px; max-width: ${side + 160}px`});
  place.append(...[atGamma(run), chart].filter(Boolean));
  const names = of.names.map((name, i) =>
    of.unseen[i] ? `<span style="color:#d0702c">${plain(shortened(name, 28))}</span>`
      : plain(shortened(name, 28)));
  const ticks = {tickvals: names.map((_, i) => i), ticktext: names, showgrid: false,
    tickfont: {size: count > 70 ? 7 : count > 40 ? 9 : 11}, automargin: false};
  const texts = of.counts.map((row, i) => row.map((n, j) =>
    `${plain(of.names[i])} → ${plain(of.names[j])}<br>${n} of ${of.totals[i]} (${percent(of.shares[i][j])} %)`));
  whenSeen(chart, () => draw(chart, [{type: "heatmap", z: of.shares, text: texts, hovertemplate: "%{text}<extra></extra>",
    colorscale: [[0, "#ffffff"], [0.05, "#e3edf8"], [0.5, "#6b9bd1"], [1, "#143a6b"]],
    zmin: 0, zmax: 1, showscale: false, xgap: count > 60 ? 0 : 1, ygap: count > 60 ? 0 : 1}], {
    margin: {l: NAMES, r: 16, t: 12, b: NAMES},
    xaxis: {...ticks, side: "bottom", tickangle: -60},
    yaxis: {...ticks, autorange: "reversed"},
  }));
}

function drawAccuracies(run, place) {
  const note = atGamma(run);
  if (note) place.append(note);
  place.append(table([
    {title: "class", key: (row) => row.name,
      cell: (row) => element("span", {class: row.kind}, row.name)},
    ...(run.gamma ? [{title: "in training", key: (row) => row.kind}] : []),
    {title: "clips", key: (row) => row.samples, number: true},
    {title: "correct", key: (row) => row.correct, number: true},
    {title: "accuracy, %", key: (row) => row.accuracy, cell: (row) => percent(row.accuracy),
      number: true},
    {title: "interval", key: (row) => row.low, number: true,
      cell: (row) => percent(row.low) + " – " + percent(row.high)},
    {title: "", key: (row) => row.accuracy, cell: bar},
    {title: "most confused with", key: (row) => row.other,
      cell: (row) => row.confused ? `${row.other} (${row.confused})` : ""},
  ], run.classes, {class: "accuracies"}));
}

function bar(row) {
  return element("div", {class: "bar"},
    element("i", {style: `width: ${100 * row.accuracy}%`}),
    element("b", {style: `left: ${100 * row.low}%; width: ${100 * (row.high - row.low)}%`}));
}
