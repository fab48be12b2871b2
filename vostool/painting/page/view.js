// The canvas: the frame, the mask over it, the polygon that is being drawn and the cursor.

const LARGEST = 40;

export class View {
  constructor(canvas, palette) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.palette = palette;
    this.opacity = 0.55;
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    this.fitted = true; // whether it stays so when the window changes
    this.image = null;
    this.cursor = null; // {x, y, radius or null}, in pixels of the frame
    this.corners = []; // of the polygon
    this.cover = document.createElement("canvas");
    this.waiting = false;
    new ResizeObserver(() => this.#resized()).observe(canvas);
  }

  show(image, mask) {
    const same = this.image && this.image.width === image.width && this.image.height === image.height;
    this.image = image;
    this.mask = mask;
    this.cover.width = mask.width;
    this.cover.height = mask.height;
    this.pixels = new ImageData(mask.width, mask.height);
    if (!same) this.fit();
    this.refresh(mask.whole());
  }

  // Take over the ids inside a box.
  refresh(box) {
    const { width, ids } = this.mask, data = this.pixels.data;
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) {
        const id = ids[y * width + x], at = 4 * (y * width + x), colour = this.palette[id];
        data[at] = colour[0];
        data[at + 1] = colour[1];
        data[at + 2] = colour[2];
        data[at + 3] = id ? 255 : 0;
      }
    }
    const columns = box.right - box.left, rows = box.bottom - box.top;
    if (columns > 0 && rows > 0) {
      this.cover.getContext("2d").putImageData(this.pixels, 0, 0, box.left, box.top, columns, rows);
    }
    this.draw();
  }

  fit() {
    this.fitted = true;
    if (!this.image) return;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.scale = Math.min(width / this.image.width, height / this.image.height) || 1;
    this.left = (width - this.scale * this.image.width) / 2;
    this.top = (height - this.scale * this.image.height) / 2;
    this.draw();
  }

  // Zoom about a point of the canvas, by default its middle.
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    this.fitted = false;
    const scale = Math.min(LARGEST, Math.max(0.05, this.scale * factor));
    this.left = x - ((x - this.left) / this.scale) * scale;
    this.top = y - ((y - this.top) / this.scale) * scale;
    this.scale = scale;
    this.draw();
  }

  move(x, y) {
    this.fitted = false;
    this.left += x;
    this.top += y;
    this.draw();
  }

  // Where in the frame an event of a pointer is.
  point(event) {
    const place = this.canvas.getBoundingClientRect();
    return {
      x: (event.clientX - place.left - this.left) / this.scale,
      y: (event.clientY - place.top - this.top) / this.scale,
    };
  }

  // Bring a point of the frame into sight.
  reveal(point) {
    const x = this.left + point.x * this.scale, y = this.top + point.y * this.scale, rim = 20;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.left += Math.max(0, rim - x) - Math.max(0, x - (width - rim));
    this.top += Math.max(0, rim - y) - Math.max(0, y - (height - rim));
    this.draw();
  }

  // Once per picture of the screen, however often it is asked for.
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.#draw();
    });
  }

  #resized() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    if (this.fitted) this.fit();
    else this.draw();
  }

  #draw() {
    const { context, scale } = this, ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.image) return;
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * this.left, ratio * this.top);
    context.imageSmoothingEnabled = scale < 2;
    context.drawImage(this.image, 0, 0);
    context.globalAlpha = this.opacity;
    context.drawImage(this.cover, 0, 0);
    context.globalAlpha = 1;
    this.#drawCorners();
    this.#drawCursor();
  }

  #drawCorners() {
    if (!this.corners.length) return;
    const path = new Path2D();
    this.corners.forEach((corner) => path.lineTo(corner.x, corner.y));
    if (this.cursor) path.lineTo(this.cursor.x, this.cursor.y);
    this.#outline(path);
    const dots = new Path2D(), radius = 3.5 / this.scale;
    for (const corner of this.corners) {
      dots.moveTo(corner.x + radius, corner.y);
      dots.arc(corner.x, corner.y, radius, 0, 2 * Math.PI);
    }
    this.#outline(dots);
  }

  #drawCursor() {
    if (!this.cursor) return;
    const { x, y, radius } = this.cursor, path = new Path2D(), arm = 6 / this.scale;
    if (radius) path.arc(x, y, radius, 0, 2 * Math.PI);
    path.moveTo(x - arm, y);
    path.lineTo(x + arm, y);
    path.moveTo(x, y - arm);
    path.lineTo(x, y + arm);
    this.#outline(path);
  }

  // White on black is seen on any picture.
  #outline(path) {
    for (const [colour, width] of [["#000", 3], ["#fff", 1.2]]) {
      this.context.strokeStyle = colour;
      this.context.lineWidth = width / this.scale;
      this.context.stroke(path);
    }
  }
}
