// The list of objects: which one is painted, its colour, and how large it is in this frame.

export class Objects {
  constructor(palette, chosen) {
    this.palette = palette;
    this.list = document.getElementById("objects");
    this.newId = document.getElementById("new-id");
    this.ids = [];
    this.list.addEventListener("change", chosen);
    document.getElementById("add").addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(Number(this.newId.value));
      chosen();
    });
    this.add(1);
  }

  get chosen() {
    return Number(this.list.querySelector("input:checked").value);
  }

  choose(id) {
    this.list.querySelector(`input[value="${id}"]`).checked = true;
  }

  // The object of this id, new or not, becomes the chosen one.
  add(id) {
    if (!Number.isInteger(id) || id < 1 || id > 254) return;
    if (!this.ids.includes(id)) {
      this.ids = [...this.ids, id].sort((a, b) => a - b);
      const label = this.#label(id), next = this.ids[this.ids.indexOf(id) + 1];
      this.list.insertBefore(label, next ? this.list.querySelector(`[data-id="${next}"]`) : null);
    }
    this.choose(id);
    let free = 1;
    while (this.ids.includes(free) && free < 254) free++;
    this.newId.value = free;
  }

  count(counts) {
    for (const label of this.list.querySelectorAll("label")) {
      const pixels = counts[Number(label.dataset.id)];
      label.querySelector("small").textContent = pixels ? `${pixels.toLocaleString("en")} px` : "none here";
    }
  }

  #label(id) {
    const label = document.createElement("label"), input = document.createElement("input");
    const swatch = document.createElement("span"), size = document.createElement("small");
    label.dataset.id = id;
    input.type = "radio";
    input.name = "object";
    input.value = id;
    swatch.className = "swatch";
    swatch.style.background = `rgb(${this.palette[id].join(" ")})`;
    label.append(input, swatch, `object ${id}`, size);
    return label;
  }
}
