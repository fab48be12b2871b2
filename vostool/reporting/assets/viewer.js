// The page of a video: a frame, what is drawn over it, and curves.

const WAIT = 125; // milliseconds per frame while playing
const VIEWS = {
  frame: () => "frame alone",
  truth: () => "ground truth",
  a: (a) => a,
  b: (a, b) => b,
  "errors-a": (a) => `errors of ${a}`,
  "errors-b": (a, b) => `errors of ${b}`,
  changes: (a, b) => `${a} against ${b}`,
};

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

class Viewer {
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    const stage = root.querySelector(".stage");
    this.stages = [stage, stage.cloneNode(true)]; // the second for what lies beside
    this.stages[1].hidden = true;
    stage.after(this.stages[1]);
    this.slider = root.querySelector("input[type=range]");
    this.images = new Map();
    this.colours = new Map(this.data.objects.map((item) => [item.id, item.colour]));
    this.buttons = [...root.querySelectorAll("[data-view]")];
    Object.assign(this, { step: 0, object: 0, beside: "", playing: false, ready: false, ticket: 0 });
    Object.assign(this, { a: 0, b: this.data.entries.length - 1 });
    this.view = "a";
  }

  /** Listen to the controls, draw the curves at once so that nothing moves later, then masks. */
  async start() {
    const { truth, predicted } = this.data;
    this.listen();
    this.renew();
    const able = typeof DecompressionStream !== "undefined";
    this.root.querySelector(".old").hidden = able;
    this.predicted = able ? await Promise.all(predicted.map(unpackLayer)) : predicted.map(() => []);
    this.truth = able && truth ? await unpackLayer(truth) : null;
    this.ready = true;
    await this.go(0);
  }

  listen() {
    const on = (selector, event, action) =>
      this.root.querySelectorAll(selector).forEach((item) => item.addEventListener(event, () => action(item)));
    on("[data-side]", "change", (item) => this.choose({ [item.dataset.side]: Number(item.value) }));
    on("[data-object]", "change", (item) => this.choose({ object: Number(item.value) }));
    on("[data-beside]", "change", (item) => this.choose({ beside: item.value }));
    on("[data-step]", "click", (item) => this.move(Number(item.dataset.step)));
    on("[data-play]", "click", () => this.toggle());
    on("input[type=range]", "input", (item) => this.seek(Number(item.value)));
    for (const button of this.buttons)
      button.addEventListener("click", (event) => {
        this.choose({ view: button.dataset.view });
        if (event.detail) button.blur(); // chosen by a mouse: the space bar plays again
      });
  }

  choose(changes) {
    Object.assign(this, changes);
    this.renew();
    if (this.ready) this.draw();
  }

  get time() {
    return this.data.shown[this.step];
  }

  get names() {
    return [this.data.entries[this.a], this.data.entries[this.b]];
  }

  title(view) {
    return VIEWS[view](...this.names);
  }

  /** Go to a frame, as soon as its picture is there. */
  async go(step) {
    this.step = Math.max(0, Math.min(step, this.data.shown.length - 1));
    const ticket = ++this.ticket;
    await this.image(this.step)
      .decode()
      .catch(() => {});
    if (ticket !== this.ticket || !this.ready) return;
    this.draw();
    this.image(Math.min(this.step + 1, this.data.shown.length - 1));
  }

  /** Go to a frame and stop there. */
  seek(step) {
    this.stop();
    return this.go(step);
  }

  move(count) {
    return this.seek(this.step + count);
  }

  /** Go to the shown frame nearest to a time. */
  jump(time) {
    const distance = (step) => Math.abs(this.data.shown[step] - time);
    let best = 0;
    this.data.shown.forEach((_, step) => {
      if (distance(step) < distance(best)) best = step;
    });
    return this.seek(best);
  }

  image(step) {
    if (!this.images.has(step)) {
      const image = new Image();
      image.src = this.data.pictures[step];
      this.images.set(step, image);
    }
    return this.images.get(step);
  }

  toggle() {
    if (this.playing) this.stop();
    else this.play();
  }

  stop() {
    this.playing = false;
    this.setPlay("Play");
  }

  setPlay(text) {
    const button = this.root.querySelector("[data-play]");
    button.textContent = text;
    button.setAttribute("aria-label", text);
    // While frames run by, nobody wants each of them read out.
    this.root.querySelector("output").setAttribute("aria-live", this.playing ? "off" : "polite");
  }

  async play() {
    this.playing = true;
    this.setPlay("Pause");
    const last = this.data.shown.length - 1;
    if (this.step === last) await this.go(0);
    while (this.playing && this.step < last) {
      await pause(WAIT);
      if (this.playing) await this.go(this.step + 1);
    }
    if (this.step === last) this.stop();
  }

  /** What follows from the choices: pressed buttons, curves, lists. */
  renew() {
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.view === this.view));
      button.title = this.title(button.dataset.view);
    }
    const beside = this.root.querySelector("[data-beside]");
    if (beside) {
      beside.replaceChildren(new Option("nothing", ""));
      for (const button of this.buttons)
        beside.append(new Option(this.title(button.dataset.view), button.dataset.view));
      beside.value = this.beside;
    }
    this.root.querySelector("[data-object]").value = String(this.object);
    this.root.classList.toggle("double", Boolean(this.beside));
    this.charts();
    this.lists();
  }

  charts() {
    const place = this.root.querySelector(".charts");
    place.replaceChildren();
    const chosen = this.a === this.b ? [this.a] : [this.a, this.b];
    const count = this.data.times.length;
    const make = (title, lines) => new Curves(place, title, lines, count, (time) => this.jump(time));
    this.curves = this.data.measures.map((measure) =>
      make(
        measure,
        chosen.map((entry) => ({
          name: this.data.entries[entry],
          style: `line${entry % 7}${["", " dashed", " dotted"][Math.floor(entry / 7) % 3]}`,
          values: scoresOf(this.data, entry, measure, this.object),
        })),
      ),
    );
    const changes = changesOf(this.data, this.a, this.b, this.object);
    if (changes) this.curves.push(make("differs", [{ name: this.title("changes"), style: "line6", values: changes }]));
  }

  lists() {
    const place = this.root.querySelector(".lists");
    place.replaceChildren();
    const changes = changesOf(this.data, this.a, this.b, this.object);
    if (changes)
      this.list(place, "Largest changes between A and B", extremes(changes, true).filter(({ value }) => value > 0));
    if (!this.data.measures.length) return;
    for (const side of this.a === this.b ? ["a"] : ["a", "b"]) {
      const all = this.data.measures.map((measure) => scoresOf(this.data, this[side], measure, this.object));
      const lowest = extremes(meanOverTime(all, this.data.times.length), false);
      this.list(place, `Lowest frames of ${this.title(side)}`, lowest);
    }
  }

  /** Buttons that jump to some times. */
  list(place, title, chosen) {
    if (!chosen.length) return;
    html("h2", { textContent: title }, place);
    const list = html("ul", { className: "jumps" }, place);
    for (const { value, time } of chosen) {
      const button = html("button", { type: "button" }, html("li", {}, list));
      button.textContent = `${this.data.times[time]}: ${perCent(value)}`;
      button.addEventListener("click", () => this.jump(time));
    }
  }

  draw() {
    const frame = this.data.times[this.time];
    [this.view, this.beside].forEach((view, number) => {
      const stage = this.stages[number];
      stage.hidden = !view;
      if (view) this.drawStage(stage, view, frame);
    });
    this.slider.value = this.step;
    this.slider.setAttribute("aria-valuetext", `frame ${frame}`);
    this.root.querySelector("output").textContent =
      `${frame} (${this.step + 1} of ${this.data.shown.length})`;
    for (const curves of this.curves) curves.show(this.time);
  }

  drawStage(stage, view, frame) {
    const canvas = stage.querySelector("canvas");
    const image = stage.querySelector("img");
    image.src = this.data.pictures[this.step];
    image.alt = `${this.data.name}, frame ${frame}`;
    const drawn = this.paint(canvas, view);
    const object = this.object ? `, object ${this.object}` : "";
    canvas.setAttribute("aria-label", `${this.title(view)}${object}${drawn ? "" : ": none in this frame"}`);
    this.caption(stage.querySelector("figcaption"), view, drawn);
    stage.dataset.drawn = view;
    stage.dataset.frame = frame;
  }

  /** Draw a view; false where this frame has no such mask. */
  paint(canvas, view) {
    const of = (layer) => {
      const runs = layer && layer[this.step];
      return runs ? labelsOf(runs, canvas.width * canvas.height) : null;
    };
    const [a, b] = [this.predicted[this.a], this.predicted[this.b]];
    const single = { truth: this.truth, a, b }[view];
    const pair = { "errors-a": [a, this.truth], "errors-b": [b, this.truth], changes: [a, b] }[view];
    const layers = (pair || (view === "frame" ? [] : [single])).map(of);
    clear(canvas);
    if (layers.includes(null)) return false;
    if (pair) paintDifference(canvas, ...layers, this.object);
    else if (layers.length) paintLabels(canvas, layers[0], this.object, this.colours);
    return true;
  }

  caption(place, view, drawn) {
    place.replaceChildren(html("strong", { textContent: this.title(view) }));
    const errors = view.startsWith("errors");
    if (!drawn) {
      html("span", { textContent: errors || view === "truth" ? "no ground truth in this frame" : "no mask" }, place);
      return;
    }
    if (!errors && view !== "changes") return;
    const [a, b] = this.names;
    const words = errors
      ? ["false positive", "false negative", "another object"]
      : [`only ${a}`, `only ${b}`, "another object"];
    words.slice(0, this.object ? 2 : 3).forEach((word, number) => {
      const item = html("span", { className: "swatch" }, place);
      html("i", { className: `colour${number}` }, item);
      item.append(word);
    });
  }

  /** Keys that work wherever the focus is, unless what has it needs them. */
  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const focus = event.target.tagName;
    if (focus === "SELECT") return;
    if (event.key === " " && ["BUTTON", "A", "SUMMARY"].includes(focus)) return;
    const far = event.shiftKey ? 10 : 1;
    const actions = {
      ArrowLeft: () => this.move(-far),
      ArrowRight: () => this.move(far),
      Home: () => this.seek(0),
      End: () => this.seek(this.data.shown.length - 1),
      " ": () => this.toggle(),
    };
    const button = this.buttons[Number(event.key) - 1];
    if (button && event.key !== " ") actions[event.key] = () => this.choose({ view: button.dataset.view });
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  /** Follow an address: frame=NAME, object=ID, view=NAME. */
  follow(wanted) {
    const object = Number(wanted.get("object") || 0);
    if (this.data.objects.some(({ id }) => id === object)) this.choose({ object });
    const view = wanted.get("view");
    if (this.buttons.some((button) => button.dataset.view === view)) this.choose({ view });
    const time = this.data.times.indexOf(wanted.get("frame"));
    if (time >= 0) this.jump(time);
  }
}
