// The seen-unseen curve, and a slider for γ that looks up S, U and H.

function showGamma() {
  const gamma = DATA.gamma;
  if (!gamma) return;
  const chart = element("div", {class: "chart"});
  const value = element("b", {id: "gamma-value"});
  const numbers = element("div", {id: "gamma-numbers"});
  const range = element("input", {type: "range", id: "gamma", min: 0,
    max: gamma.gamma.length - 1, step: 1, "aria-label": "γ", oninput: () => move(range.value)});

  function move(index) {
    range.value = index;
    value.textContent = number(gamma.gamma[index]);
    numbers.replaceChildren(gammaTable(gamma, index));
    Plotly.restyle(chart, {
      x: gamma.runs.map((run) => [100 * run.unseen[index]]),
      y: gamma.runs.map((run) => [100 * run.seen[index]]),
    }, gamma.runs.map((_, i) => gamma.runs.length + i));
  }

  const marks = gamma.marks.map((mark) => element("button",
    {type: "button", class: "mark", onclick: () => move(mark.index)}, "γ by " + mark.name));
  section("gamma-curve", "Seen and unseen classes",
    element("p", {class: "quiet"}, "γ is subtracted from the scores of seen classes. S and U are " +
      "the accuracies on clips of seen and of unseen classes, H is their harmonic mean, in percent."),
    element("div", {class: "columns"}, chart, element("div", {},
      element("p", {}, "γ = ", value), range, element("p", {}, ...marks), numbers)));
  drawGamma(chart, gamma);
  move(gamma.start);
}

function gammaTable(gamma, index) {
  const of = (key) => ({title: key[0].toUpperCase(), number: true,
    key: (run) => run[key][index], cell: (run) => percent(run[key][index])});
  return table([
    {title: "run", key: (run) => run.name}, of("seen"), of("unseen"), of("harmonic"),
    {title: "area", number: true, key: (run) => run.area, cell: (run) => percent(run.area)},
  ], gamma.runs);
}

function drawGamma(chart, gamma) {
  const color = (i) => COLORS[i % COLORS.length];
  const curves = gamma.runs.map((run, i) => ({
    x: run.curve.unseen.map((u) => 100 * u), y: run.curve.seen.map((s) => 100 * s),
    name: plain(run.name), mode: "lines", line: {color: color(i)},
    hovertemplate: "U %{x:.1f}, S %{y:.1f}<extra></extra>",
  }));
  const points = gamma.runs.map((run, i) => ({
    x: [0], y: [0], mode: "markers", showlegend: false, hoverinfo: "skip",
    marker: {color: color(i), size: 12, line: {color: "white", width: 2}},
  }));
  draw(chart, [...curves, ...points], {
    showlegend: gamma.runs.length > 1,
    xaxis: {title: {text: "accuracy on unseen classes, %"}, rangemode: "tozero"},
    yaxis: {title: {text: "accuracy on seen classes, %"}, rangemode: "tozero"},
  });
}
