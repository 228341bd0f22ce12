// Several runs compared with the first.

function showComparison() {
  const of = DATA.comparison;
  if (!of) return;
  const place = section("comparison", "Comparison", element("p", {class: "quiet"},
    `Differences are in points, from ${of.first}.`));
  if (of.reason) place.append(element("p", {class: "unseen"}, "Not paired by clips: " + of.reason));
  else pairedByClips(of, place);
  pairedBySeeds(of.seeds, place);
}

function pairedByClips(of, place) {
  const column = (title, key, cell) => ({title, number: true, key, cell});
  place.append(element("h3", {}, `Paired by clips: ${of.measure} of ${of.samples} clips`), table([
    {title: "run", key: (row) => row.name},
    column("accuracy, %", (row) => row.accuracies[1], (row) => percent(row.accuracies[1])),
    column(`of ${of.first}, %`, (row) => row.accuracies[0], (row) => percent(row.accuracies[0])),
    column("difference", (row) => row.paired.difference, (row) => points(100 * row.paired.difference)),
    column("95 % interval", (row) => row.paired.low,
      (row) => `${points(100 * row.paired.low)} to ${points(100 * row.paired.high)}`),
    column("only it is right", (row) => row.paired.only_second),
    column("only the first is right", (row) => row.paired.only_first),
    column("p (McNemar)", (row) => row.paired.p, (row) => row.paired.p.toPrecision(2)),
  ], of.rows, {class: "paired"}));
  const chart = element("div", {class: "chart",
    style: `height: ${Math.max(260, 18 * of.classes.length + 90)}px`});
  const show = (index) => drawGains(chart, of, index);
  const names = of.rows.map((row) => row.name);
  place.append(element("h3", {}, "Gain in each class"),
    names.length > 1 ? choice("run", names, 0, show) : "", chart);
  show(0);
}

function drawGains(chart, of, index) {
  const gains = of.rows[index].gains;
  const order = gains.map((_, k) => k).sort((a, b) => gains[a] - gains[b]);
  whenSeen(chart, () => draw(chart, [{type: "bar", orientation: "h", x: order.map((k) => 100 * gains[k]),
    y: order.map((_, i) => i), text: order.map((k) => plain(of.classes[k])), textposition: "none",
    hovertemplate: "%{text}: %{x:.1f}<extra></extra>",
    marker: {color: order.map((k) => gains[k] < 0 ? "#d0702c" : "#2a5fa5")}}], {
    xaxis: {title: {text: `points over ${plain(of.first)}`}, zeroline: true},
    yaxis: {tickvals: order.map((_, i) => i), automargin: false,
      ticktext: order.map((k) => plain(shortened(of.classes[k], 28)))},
    margin: {l: NAMES, r: 16, t: 12, b: 44},
  }));
}

function pairedBySeeds(of, place) {
  place.append(element("h3", {}, "Paired by seeds"));
  if (of.reason) {
    place.append(element("p", {class: "unseen"}, of.reason));
    return;
  }
  place.append(element("p", {class: "quiet"}, "Percent, ± is the standard deviation over seeds; " +
    "below it the difference from the first row, with Student's 95 % interval."));
  const cell = (one) => element("div", {},
    one.mean.toFixed(1) + (one.deviation === null ? "" : ` ± ${one.deviation.toFixed(1)}`),
    one.difference === null ? null : element("div", {class: "quiet"}, points(one.difference) +
      (one.low === null ? "" : ` (${points(one.low)} to ${points(one.high)})`)));
  place.append(table([
    {title: "config", key: (row) => row.title},
    {title: "runs", key: (row) => row.runs.join(", ")},
    ...of.metrics.map((metric, i) => ({title: metric, number: true,
      key: (row) => row.cells[i].mean, cell: (row) => cell(row.cells[i])})),
  ], of.rows, {class: "seeds"}));
}
