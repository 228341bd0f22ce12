// The page, from its top.

const DATA = JSON.parse(document.getElementById("data").textContent);
document.querySelector("h1").textContent = DATA.runs.map((run) => run.name).join(", ");
document.getElementById("about").textContent =
  `gapjax ${DATA.version} · evaluation: ${DATA.evaluation}`;
showOverview();
showCurves();
showGamma();
showClasses();
showMistakes();
showComparison();
requestAnimationFrame(play);
document.body.dataset.ready = "yes";
