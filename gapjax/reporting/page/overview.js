// What was run, the results, and the curves.

function showOverview() {
  const cards = DATA.runs.map((run) => element("div", {class: "card"},
    DATA.runs.length > 1 ? element("h3", {}, run.name) : null,
    element("p", {class: "result"}, run.title),
    element("p", {class: "quiet"}, [...run.about, run.progress].join(" · ")),
    results(run),
    folded("dataset, split and method", run.facts),
    folded("config", run.config),
    folded("machine and versions", run.environment),
    element("p", {class: "quiet"}, run.workdir)));
  section("runs", "Runs and results", element("div", {class: "columns"}, ...cards));
}

function results(run) {
  const rows = Object.entries(run.metrics);
  if (!rows.length) return null;
  return element("details", {}, element("summary", {}, "all metrics"), table([
    {title: "metric", key: (row) => row[0]},
    {title: "value", key: (row) => row[1], cell: (row) => number(row[1]), number: true},
  ], rows, {class: "metrics"}));
}

function showCurves() {
  const keys = Object.keys(DATA.curves.series);
  const panels = DATA.curves.first.map((key) => {
    const place = element("div", {class: "chart"});
    const show = (index) => drawCurves(place, keys[index]);
    return {place, show, start: keys.indexOf(key),
      card: element("div", {}, choice("", keys, keys.indexOf(key), show), place)};
  });
  if (!panels.length) return;
  section("curves", "Curves", element("div", {class: "columns"}, ...panels.map((p) => p.card)));
  panels.forEach((panel) => panel.show(panel.start));
}

function drawCurves(place, key) {
  draw(place, DATA.curves.series[key].map((curve) => ({
    x: curve.epochs, y: curve.values, type: "scatter",
    name: plain(DATA.runs[curve.run].name + (curve.encoder ? ", skeleton encoder" : "")),
    line: {color: COLORS[curve.run % COLORS.length], dash: curve.encoder ? "dot" : "solid"},
    mode: curve.epochs.length > 20 ? "lines" : "lines+markers",
  })), {showlegend: true, xaxis: {title: {text: "epoch"}}, yaxis: {}});
}
