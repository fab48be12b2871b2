// Frames from the server, and the masks painted on them.

import { Mask } from "./mask.js";

const MOST_BYTES = 128 * 1024 * 1024; // of decoded pictures that are kept

export class Frames {
  constructor(names) {
    this.names = names;
    this.masks = new Map();
    this.pictures = new Map();
  }

  async picture(index) {
    if (!this.pictures.has(index)) {
      const answer = await fetch(`frames/${index}.jpg`);
      if (!answer.ok) throw new Error(await answer.text());
      const picture = await createImageBitmap(await answer.blob());
      this.pictures.set(index, picture);
      const kept = Math.max(2, MOST_BYTES / (4 * picture.width * picture.height));
      for (const old of this.pictures.keys()) {
        if (this.pictures.size <= kept) break;
        if (old !== index) this.pictures.delete(old);
      }
    }
    return this.pictures.get(index);
  }

  mask(index, picture) {
    if (!this.masks.has(index)) this.masks.set(index, new Mask(picture.width, picture.height));
    return this.masks.get(index);
  }

  // Positions of the frames with something painted on them, by time.
  painted() {
    return [...this.masks].filter(([, mask]) => !mask.isEmpty()).map(([index]) => index).sort((a, b) => a - b);
  }
}
