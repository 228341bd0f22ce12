// What all charts have in common.

const COLORS = ["#2a5fa5", "#d0702c", "#2f8f6b", "#a0468c", "#8a6d1f", "#5a5fbf"];

// Plotly reads a few tags in its texts: what is not meant as a tag is escaped.
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function shortened(text, most) {
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}

// Call back once a place comes near the screen: charts of many classes take long to draw.
function whenSeen(place, callback) {
  const observer = new IntersectionObserver((seen) => {
    if (!seen.some((each) => each.isIntersecting)) return;
    observer.disconnect();
    callback();
  }, {rootMargin: "300px"});
  observer.observe(place);
}

// Draw into a place that is already on the page, whose width the chart takes.
function draw(place, traces, layout) {
  const axis = {gridcolor: "#e4e8ed", zeroline: false, automargin: true};
  Plotly.react(place, traces, {
    margin: {l: 60, r: 16, t: 12, b: 44}, font: {color: "#1d2733", size: 12},
    hovermode: "closest", colorway: COLORS, legend: {orientation: "h", y: -0.25}, ...layout,
    xaxis: {...axis, ...layout.xaxis}, yaxis: {...axis, ...layout.yaxis},
  }, {displaylogo: false, responsive: true, modeBarButtons: [["toImage", "resetScale2d"]]});
}
