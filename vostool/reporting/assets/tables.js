// Tables that are sorted by a click on a heading.

/** Numbers before words, words by the reader's language; nothing comes last either way. */
function compareKeys(x, y, sign) {
  if (x === "" || y === "") return (x === "") - (y === "");
  const [one, two] = [Number(x), Number(y)];
  if (Number.isNaN(one) || Number.isNaN(two)) return sign * x.localeCompare(y, undefined, { numeric: true });
  return sign * (one - two);
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    const key = (row) => row.cells[column].dataset.key;
    if ([...body.rows].every((row) => key(row) === "")) return;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      body.append(...[...body.rows].sort((x, y) => compareKeys(key(x), key(y), sign)));
    });
  });
}
