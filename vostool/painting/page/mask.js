// Ids of one frame, what paints into them, and undo.
// Pixel (x, y) covers x..x+1 and y..y+1; it is painted if its centre is inside.

const MOST_UNDO_BYTES = 256 * 1024 * 1024;

export class Mask {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.ids = new Uint8Array(width * height);
  }

  // All that is within radius of the line from a to b.
  line(a, b, radius, id) {
    const box = this.#clip(Math.min(a.x, b.x) - radius, Math.min(a.y, b.y) - radius,
      Math.max(a.x, b.x) + radius, Math.max(a.y, b.y) + radius);
    const dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) {
        const px = x + 0.5 - a.x, py = y + 0.5 - a.y;
        const t = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
        const ex = px - t * dx, ey = py - t * dy;
        if (ex * ex + ey * ey <= radius * radius) this.ids[y * this.width + x] = id;
      }
    }
    return box;
  }

  // The inside of a polygon of points, by the even-odd rule.
  polygon(points, id) {
    const box = this.#clip(Math.min(...points.map((p) => p.x)), Math.min(...points.map((p) => p.y)),
      Math.max(...points.map((p) => p.x)), Math.max(...points.map((p) => p.y)));
    for (let y = box.top; y < box.bottom; y++) {
      const crossings = [];
      points.forEach((a, place) => {
        const b = points[(place + 1) % points.length], height = y + 0.5;
        if ((a.y <= height) !== (b.y <= height)) crossings.push(a.x + ((height - a.y) / (b.y - a.y)) * (b.x - a.x));
      });
      crossings.sort((one, other) => one - other);
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        const from = Math.max(0, Math.ceil(crossings[k] - 0.5));
        const to = Math.min(this.width, Math.ceil(crossings[k + 1] - 0.5));
        if (to > from) this.ids.fill(id, y * this.width + from, y * this.width + to);
      }
    }
    return box;
  }

  clear(id) {
    for (let k = 0; k < this.ids.length; k++) if (this.ids[k] === id) this.ids[k] = 0;
    return this.whole();
  }

  whole() {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  // Pixels per id.
  counts() {
    const found = new Uint32Array(256);
    for (const id of this.ids) found[id]++;
    return found;
  }

  isEmpty() {
    return this.ids.every((id) => id === 0);
  }

  #clip(left, top, right, bottom) {
    return {
      left: Math.max(0, Math.floor(left)), top: Math.max(0, Math.floor(top)),
      right: Math.min(this.width, Math.ceil(right)), bottom: Math.min(this.height, Math.ceil(bottom)),
    };
  }
}

export function joined(one, other) {
  if (!one) return other;
  return {
    left: Math.min(one.left, other.left), top: Math.min(one.top, other.top),
    right: Math.max(one.right, other.right), bottom: Math.max(one.bottom, other.bottom),
  };
}

function cut(ids, width, box) {
  const columns = Math.max(0, box.right - box.left), rows = Math.max(0, box.bottom - box.top);
  const part = new Uint8Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    const start = (box.top + y) * width + box.left;
    part.set(ids.subarray(start, start + columns), y * columns);
  }
  return part;
}

function paste(mask, box, part) {
  const columns = box.right - box.left;
  for (let y = box.top; y < box.bottom; y++) {
    const start = (y - box.top) * columns;
    mask.ids.set(part.subarray(start, start + columns), y * mask.width + box.left);
  }
}

// Changes of all frames, in order.
export class History {
  #done = [];
  #undone = [];
  #before = null;

  get canUndo() { return this.#done.length > 0; }
  get canRedo() { return this.#undone.length > 0; }

  begin(mask) {
    this.#before = mask.ids.slice();
  }

  // What was painted in box since begin; nothing is noted if nothing changed.
  end(frame, mask, box) {
    const before = cut(this.#before, mask.width, box), after = cut(mask.ids, mask.width, box);
    this.#before = null;
    if (before.every((id, k) => id === after[k])) return false;
    this.#done.push({ frame, mask, box, before, after });
    this.#undone = [];
    let bytes = 0;
    const kept = this.#done.findLastIndex((change) => (bytes += 2 * change.before.length) > MOST_UNDO_BYTES);
    this.#done.splice(0, Math.min(kept + 1, this.#done.length - 1));
    return true;
  }

  // Both return the change, whose frame and box must be drawn again.
  undo() {
    const change = this.#done.pop();
    this.#undone.push(change);
    paste(change.mask, change.box, change.before);
    return change;
  }

  redo() {
    const change = this.#undone.pop();
    this.#done.push(change);
    paste(change.mask, change.box, change.after);
    return change;
  }
}
