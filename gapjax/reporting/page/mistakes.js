// The clips that a run is most confidently wrong about.

function showMistakes() {
  const clips = ofEachRun(drawMistakes);
  section("mistakes", "Confidently wrong", ...clips.parts);
  clips.show();
}

function drawMistakes(run, place) {
  const of = run.mistakes;
  PLAYERS.length = 0;
  place.append(element("p", {class: "quiet"},
    `${of.clips.length} of ${of.total} wrong clips, those with the largest ${of.measure} first.`));
  if (run.gamma) place.append(atGamma(run));
  if (of.evidence) {
    place.append(element("p", {}, "Bars: similarity of the movement of each body part with its " +
      "description in the ", element("span", {class: "legend true"}, "true"), " and in the ",
      element("span", {class: "legend recognized"}, "recognized"), " class.",
      of.evidence.score === "name" ? " The score of this run is by names: parts do not count in it." : ""));
  }
  if (of.missing) place.append(element("p", {class: "unseen"}, of.missing));
  place.append(element("div", {class: "clips"},
    ...of.clips.map((clip, i) => mistake(clip, of.evidence, i))));
}

function mistake(clip, evidence, index) {
  const kind = (unseen) => unseen ? "unseen" : "";
  return element("div", {class: "clip card"},
    clip.skeleton ? player(clip.skeleton) : null,
    element("dl", {},
      element("dt", {}, "true"),
      element("dd", {class: "words " + kind(clip.unseen[0])}, clip.true),
      element("dt", {}, "recognized"),
      element("dd", {class: "words " + kind(clip.unseen[1])}, clip.recognized),
      element("dt", {}, "confidence"), element("dd", {}, number(Number(clip.confidence.toFixed(4)))),
      element("dt", {}, "clip"), element("dd", {}, clip.sample)),
    evidence ? evidenceTable(evidence, index) : null);
}

function evidenceTable(evidence, index) {
  const largest = Math.max(0.01, ...[...evidence.true[index], ...evidence.recognized[index]].map(Math.abs));
  const line = (value, kind) => element("div", {style: "display: flex; align-items: center; gap: 6px"},
    element("div", {style: `height: 7px; background: currentColor; opacity: ${value < 0 ? 0.35 : 1}; ` +
      `width: ${Math.abs(value) / largest * 130}px`}), value.toFixed(2));
  return element("table", {class: "evidence"}, element("tbody", {}, ...evidence.parts.map((part, p) =>
    element("tr", {}, element("td", {class: "quiet"}, part), element("td", {},
      ...["true", "recognized"].map((key) =>
        element("div", {class: key}, line(evidence[key][index][p], key))))))));
}
