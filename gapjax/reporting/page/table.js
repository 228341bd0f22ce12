// Tables that are sorted by a click on the title of a column.

// columns: [{title, key: (row) -> what is sorted, cell: (row) -> text or element, number}].
function table(columns, rows, attributes) {
  const body = element("tbody");
  const order = {column: null, descending: false};
  const titles = columns.map((column) => element("th", {class: column.number ? "number" : ""},
    element("button", {type: "button", title: "sort", onclick: () => sort(column)},
      column.title)));

  function fill(sorted) {
    body.replaceChildren(...sorted.map((row) => element("tr", {}, ...columns.map((column) =>
      element("td", {class: column.number ? "number" : ""}, (column.cell || column.key)(row))))));
  }

  function sort(column) {
    order.descending = order.column === column ? !order.descending : Boolean(column.number);
    order.column = column;
    const sign = order.descending ? -1 : 1;
    fill([...rows].sort((a, b) => sign * compare(column.key(a), column.key(b))));
    titles.forEach((title, i) => title.setAttribute("aria-sort",
      columns[i] !== column ? "none" : order.descending ? "descending" : "ascending"));
  }

  fill(rows);
  return element("div", {class: "scroll"}, element("table", attributes || {},
    element("thead", {}, element("tr", {}, ...titles)), body));
}

function compare(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

// A folded table of two columns.
function folded(title, pairs) {
  const rows = Object.entries(pairs).map(([key, value]) =>
    element("tr", {}, element("td", {class: "quiet"}, key), element("td", {}, String(value))));
  return rows.length ? element("details", {}, element("summary", {}, title),
    element("table", {}, element("tbody", {}, ...rows))) : null;
}
