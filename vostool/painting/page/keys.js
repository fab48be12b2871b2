// What keys do. Those of the canvas move a cursor and paint, so that no mouse is needed.

import { save } from "./saving.js";

const TOOLS = { b: "brush", e: "eraser", p: "polygon", m: "move" };
const PLAIN = {
  "[": (page) => page.resize(1 / 1.2),
  "]": (page) => page.resize(1.2),
  "+": (page) => page.zoom(1.25),
  "=": (page) => page.zoom(1.25),
  "-": (page) => page.zoom(0.8),
  0: (page) => page.fit(),
  ",": (page) => page.travel(page.wanted - 1),
  ".": (page) => page.travel(page.wanted + 1),
  n: (page) => page.addObject(),
  escape: (page) => page.dropCorners(Infinity),
};
const CANVAS = {
  ArrowLeft: (page, far) => page.shift(-far, 0),
  ArrowRight: (page, far) => page.shift(far, 0),
  ArrowUp: (page, far) => page.shift(0, -far),
  ArrowDown: (page, far) => page.shift(0, far),
  " ": (page) => page.act(),
  Enter: (page) => page.closePolygon(),
  Backspace: (page) => page.dropCorners(1),
};
const COMMANDS = {
  z: (page, back) => page.step(back),
  y: (page) => page.step(false),
  s: (page) => save(page),
};

// Whether it was a key of ours.
function used(page, event) {
  const key = event.key.toLowerCase(), onCanvas = event.target.id === "canvas";
  if (event.ctrlKey || event.metaKey) {
    if (!COMMANDS[key]) return false;
    COMMANDS[key](page, !event.shiftKey);
  } else if (onCanvas && CANVAS[event.key]) CANVAS[event.key](page, event.shiftKey ? 10 : 1);
  else if (TOOLS[key]) page.choose(TOOLS[key]);
  else if (PLAIN[key]) PLAIN[key](page);
  else if (/^[1-9]$/.test(key)) page.chooseObject(Number(key));
  else return false;
  return true;
}

export function pressed(page, event) {
  if (!page.mask || page.over || event.altKey || event.target.matches("input[type=number]")) return;
  if (used(page, event)) event.preventDefault();
}
