// Curves over a video's frames, drawn as SVG: a click or a drag jumps to a frame.

const SVG = "http://www.w3.org/2000/svg";
const TALL = 100; // units of height: per cent

function svg(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (parent) parent.append(element);
  return element;
}

function html(name, properties, parent) {
  const element = Object.assign(document.createElement(name), properties);
  if (parent) parent.append(element);
  return element;
}

const perCent = (value) => (value === null || value === undefined ? "–" : (100 * value).toFixed(1));

/** Path data; a value without neighbours becomes a dot. */
function pathOf(values) {
  let path = "";
  values.forEach((value, index) => {
    if (value === null) return;
    const joined = index > 0 && values[index - 1] !== null;
    path += `${joined ? "L" : "M"}${index} ${TALL * (1 - value)}${joined ? "" : "h0"}`;
  });
  return path;
}

class Curves {
  /** lines: [{name, style, values}], fractions or null per time. */
  constructor(parent, title, lines, times, jump) {
    this.lines = lines;
    const figure = html("figure", { className: "curves" }, parent);
    figure.dataset.title = title;
    const head = html("figcaption", {}, figure);
    html("strong", { textContent: title }, head);
    this.readings = lines.map((line) => {
      const item = html("span", { className: "reading" }, head);
      const sample = svg("svg", { width: 18, height: 8, "aria-hidden": "true" }, item);
      svg("path", { class: `line ${line.style}`, d: "M0 4H18" }, sample);
      return html("span", {}, item);
    });
    const last = Math.max(1, times - 1);
    const scale = html("div", { className: "scale" }, figure);
    for (const level of [100, 50, 0]) html("span", { textContent: level, ariaHidden: "true" }, scale);
    this.drawing = svg(
      "svg",
      {
        viewBox: `0 0 ${last} ${TALL}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": this.description(title),
      },
      scale,
    );
    for (const level of [0, 50, 100]) svg("path", { class: "grid", d: `M0 ${level}H${last}` }, this.drawing);
    for (const line of lines) svg("path", { class: `line ${line.style}`, d: pathOf(line.values) }, this.drawing);
    this.mark = svg("path", { class: "mark", d: `M0 0V${TALL}` }, this.drawing);
    const follow = (event) => {
      const box = this.drawing.getBoundingClientRect();
      jump(Math.round((last * (event.clientX - box.left)) / box.width));
    };
    this.drawing.addEventListener("pointerdown", follow);
    this.drawing.addEventListener("pointermove", (event) => event.buttons & 1 && follow(event));
  }

  description(title) {
    const said = this.lines.map(({ name, values }) => {
      const there = values.filter((value) => value !== null);
      if (!there.length) return `${name} has none`;
      const mean = meanOf(there);
      return `${name} ${perCent(mean)} on average, from ${perCent(Math.min(...there))} to ${perCent(Math.max(...there))}`;
    });
    return `${title} in per cent over the frames: ${said.join("; ")}`;
  }

  /** Show a time: the mark, and the values there. */
  show(time) {
    this.mark.setAttribute("transform", `translate(${time} 0)`);
    this.lines.forEach((line, index) => {
      this.readings[index].textContent = `${line.name} ${perCent(line.values[time])}`;
    });
  }
}
