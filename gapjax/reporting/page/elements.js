// Elements of a page. Text is always set as text: names of classes may hold anything.

// element("td", {class: "number"}, "1", child) -> a <td> with attributes and children.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// A section with a title, which the head of the page links to.
function section(id, title, ...children) {
  document.querySelector("nav").append(element("a", {href: "#" + id}, title));
  const made = element("section", {id}, element("h2", {}, title), ...children);
  document.querySelector("main").append(made);
  return made;
}

// A <select> of names, which calls back with the index of the chosen one.
function choice(label, names, chosen, callback) {
  const list = element("select", {onchange: () => callback(list.selectedIndex)},
    ...names.map((name) => element("option", {}, name)));
  list.selectedIndex = chosen;
  return element("label", {}, label + " ", list);
}

// A choice among the runs and a place for what belongs to the chosen one; none for one run.
function ofEachRun(draw) {
  const place = element("div");
  const show = (index) => { place.replaceChildren(); draw(DATA.runs[index], place); };
  const names = DATA.runs.map((run) => run.name);
  return {
    parts: [names.length > 1 ? choice("run", names, 0, show) : null, place],
    show: () => show(0),
  };
}

function percent(value) { return value === null ? "-" : (100 * value).toFixed(1); }

function number(value) {
  if (value === null) return "-";
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

function points(value) { return value === null ? "-" : (value > 0 ? "+" : "") + value.toFixed(1); }
