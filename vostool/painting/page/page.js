// The page: frames and tools.

import { Frames } from "./frames.js";
import { pressed } from "./keys.js";
import { History, joined } from "./mask.js";
import { Objects } from "./objects.js";
import { finish, save } from "./saving.js";
import { View } from "./view.js";

const CLOSE = 9; // pixels of the screen from its first corner at which a polygon is closed
const element = (id) => document.getElementById(id);
const canvas = element("canvas"), sizeSlider = element("size"), frameSlider = element("frame");

class Page {
  constructor(video) {
    this.video = video;
    this.frames = new Frames(video.frames);
    this.history = new History();
    this.view = new View(canvas, video.palette);
    this.objects = new Objects(video.palette, () => this.told());
    this.tool = "brush";
    this.index = -1;
    this.wanted = video.start;
    this.stroke = null; // while a button is down: {from, box} or {x, y} of a move
    this.saved = true;
    element("name").textContent = document.title = video.name;
    frameSlider.max = video.frames.length - 1;
  }

  // --- frames

  async go(index) {
    this.wanted = Math.min(this.video.frames.length - 1, Math.max(0, index));
    frameSlider.value = this.wanted;
    this.tellFrame();
    const wanted = this.wanted, picture = await this.frames.picture(wanted);
    if (wanted !== this.wanted) return; // the slider has gone on
    this.endStroke();
    this.index = wanted;
    this.picture = picture;
    this.mask = this.frames.mask(wanted, picture);
    this.view.corners = [];
    this.view.show(picture, this.mask);
    this.told();
  }

  tellFrame() {
    const name = this.video.frames[this.wanted];
    element("frame-told").textContent = `${name} (${this.wanted + 1} of ${this.video.frames.length})`;
    frameSlider.setAttribute("aria-valuetext", name);
  }

  // --- what the page says

  told() {
    if (!this.mask) return;
    this.objects.count(this.mask.counts());
    element("undo").disabled = !this.history.canUndo;
    element("redo").disabled = !this.history.canRedo;
    const names = this.frames.painted().map((index) => this.video.frames[index]);
    element("painted").textContent = names.length ? `painted: ${names.slice(0, 4).join(", ")}${names.length > 4 ? ", …" : ""}` : "";
    this.tellState();
  }

  tellState() {
    const { cursor, corners, scale } = this.view;
    element("zoom").textContent = `${Math.round(100 * scale)} %`;
    const place = cursor ? `x ${Math.floor(cursor.x)}, y ${Math.floor(cursor.y)}` : "";
    const count = corners.length ? `, ${corners.length} corners` : "";
    element("state").textContent = `${this.tool}, object ${this.objects.chosen}${place ? ", " : ""}${place}${count}`;
  }

  say(text, wrong = false) {
    element("message").textContent = text;
    element("message").classList.toggle("wrong", wrong);
  }

  // --- objects

  addObject() {
    this.objects.add(Number(this.objects.newId.value));
    this.told();
  }

  chooseObject(id) {
    if (this.objects.ids.includes(id)) this.objects.choose(id);
    this.tellState();
  }

  // --- tools

  choose(tool) {
    this.tool = tool;
    if (tool !== "polygon") this.view.corners = [];
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", button.dataset.tool === tool);
    }
    canvas.classList.toggle("move", tool === "move");
    this.setCursor(this.view.cursor);
  }

  get paints() { return this.tool === "brush" || this.tool === "eraser"; }
  get radius() { return Number(sizeSlider.value) / 2; }

  setCursor(point) {
    this.view.cursor = point && { x: point.x, y: point.y, radius: this.paints ? this.radius : null };
    this.view.draw();
    this.tellState();
  }

  resize(factor) {
    const size = Number(sizeSlider.value);
    sizeSlider.value = factor > 1 ? Math.max(size + 1, size * factor) : Math.min(size - 1, size * factor);
    this.sized();
  }

  sized() {
    element("size-told").textContent = sizeSlider.value;
    this.setCursor(this.view.cursor);
  }

  // --- painting

  beginStroke(point) {
    this.history.begin(this.mask);
    this.stroke = { from: point, box: null };
    this.extendStroke(point);
  }

  extendStroke(point) {
    const id = this.tool === "eraser" ? 0 : this.objects.chosen;
    const box = this.mask.line(this.stroke.from, point, this.radius, id);
    this.stroke = { from: point, box: joined(this.stroke.box, box) };
    this.view.refresh(box);
  }

  endStroke() {
    const stroke = this.stroke;
    this.stroke = null;
    if (stroke && stroke.box) this.changed(stroke.box);
  }

  changed(box) {
    if (this.history.end(this.index, this.mask, box)) this.saved = false;
    this.told();
  }

  corner(point) {
    const corners = this.view.corners, first = corners[0];
    const near = first && CLOSE >= this.view.scale * Math.hypot(point.x - first.x, point.y - first.y);
    if (near && corners.length >= 3) this.closePolygon();
    else corners.push({ x: point.x, y: point.y });
    this.view.draw();
    this.tellState();
  }

  closePolygon() {
    const corners = this.view.corners;
    this.view.corners = [];
    if (corners.length >= 3) {
      this.history.begin(this.mask);
      const box = this.mask.polygon(corners, this.objects.chosen);
      this.view.refresh(box);
      this.changed(box);
    }
    this.view.draw();
    this.tellState();
  }

  dropCorners(count) {
    this.view.corners.splice(this.view.corners.length - Math.min(count, this.view.corners.length));
    this.view.draw();
    this.tellState();
  }

  clear() {
    this.history.begin(this.mask);
    const box = this.mask.clear(this.objects.chosen);
    this.view.refresh(box);
    this.changed(box);
  }

  async step(back) {
    this.endStroke();
    if (!(back ? this.history.canUndo : this.history.canRedo)) return;
    const change = back ? this.history.undo() : this.history.redo();
    this.saved = false;
    if (change.frame !== this.index) await this.go(change.frame);
    this.view.refresh(change.box);
    this.told();
  }

  // --- pointer

  down(event) {
    if (!this.mask || this.stroke || event.button > 1) return;
    canvas.setPointerCapture(event.pointerId);
    const point = this.view.point(event);
    this.setCursor(point);
    if (event.button === 1 || this.tool === "move") this.stroke = { x: event.clientX, y: event.clientY };
    else if (this.paints) this.beginStroke(point);
    else this.corner(point);
    if (event.button === 1) event.preventDefault();
  }

  moved(event) {
    if (!this.mask) return;
    if (this.stroke && this.stroke.from) {
      const steps = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const step of steps.length ? steps : [event]) this.extendStroke(this.view.point(step));
    } else if (this.stroke) {
      this.view.move(event.clientX - this.stroke.x, event.clientY - this.stroke.y);
      this.stroke = { x: event.clientX, y: event.clientY };
    }
    this.setCursor(this.view.point(event));
  }

  // --- the keyboard's cursor, in the middle of the frame at first

  shift(x, y) {
    const { width, height } = this.picture;
    const start = this.view.cursor || { x: Math.floor(width / 2) + 0.5, y: Math.floor(height / 2) + 0.5 };
    const within = (value, most) => Math.min(most - 0.5, Math.max(0.5, Math.floor(value) + 0.5));
    this.setCursor({ x: within(start.x + x, width), y: within(start.y + y, height) });
    this.view.reveal(this.view.cursor);
  }

  act() {
    if (!this.view.cursor) this.shift(0, 0);
    const { x, y } = this.view.cursor;
    if (this.tool === "polygon") this.corner({ x, y });
    if (!this.paints) return;
    this.beginStroke({ x, y });
    this.endStroke();
  }

  // --- view

  zoom(factor, x, y) {
    this.view.zoom(factor, x, y);
    this.tellState();
  }

  fit() {
    this.view.fit();
    this.tellState();
  }

  travel(index) {
    this.go(index).catch((error) => this.say(error.message, true));
  }
}

function connect(page) {
  const on = (id, act, kind = "click") => element(id).addEventListener(kind, act);
  for (const button of document.querySelectorAll("[data-tool]")) {
    button.addEventListener("click", () => page.choose(button.dataset.tool));
  }
  on("size", () => page.sized(), "input");
  on("opacity", (event) => { page.view.opacity = event.target.value / 100; page.view.draw(); }, "input");
  on("undo", () => page.step(true));
  on("redo", () => page.step(false));
  on("smaller", () => page.zoom(0.8));
  on("larger", () => page.zoom(1.25));
  on("fit", () => page.fit());
  on("clear", () => page.clear());
  on("before", () => page.travel(page.wanted - 1));
  on("after", () => page.travel(page.wanted + 1));
  on("frame", (event) => page.travel(Number(event.target.value)), "input");
  on("save", () => save(page));
  on("finish", () => finish(page, "Finished. You can close this page.").catch((error) => page.say(error.message, true)));
  canvas.addEventListener("pointerdown", (event) => page.down(event));
  canvas.addEventListener("pointermove", (event) => page.moved(event));
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => page.endStroke());
  canvas.addEventListener("dblclick", () => page.tool === "polygon" && page.closePolygon());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const place = canvas.getBoundingClientRect();
    page.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX - place.left, event.clientY - place.top);
  }, { passive: false });
  document.addEventListener("keydown", (event) => pressed(page, event));
  window.addEventListener("beforeunload", (event) => { if (!page.saved && !page.over) event.preventDefault(); });
}

async function start() {
  const answer = await fetch("video.json");
  if (!answer.ok) throw new Error(await answer.text());
  const page = new Page(await answer.json());
  element("finish").hidden = !page.video.keepOpen;
  connect(page);
  await page.go(page.video.start);
  canvas.focus();
}

start().catch((error) => {
  element("message").textContent = `The video cannot be shown: ${error.message}`;
  element("message").classList.add("wrong");
});
