// Drawing labels, and what two masks differ in, on a canvas.

// Okabe and Ito's orange, sky blue and reddish purple: colour-blind readers can tell them apart.
const FIRST_ONLY = [230, 159, 0];
const SECOND_ONLY = [86, 180, 233];
const ANOTHER = [204, 121, 167];
const WHITE = [255, 255, 255];
const FILL = 120; // of 255: how strongly a mask covers the frame
const STRONG = 205;
const FAINT = 45;

function clear(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

/** Whether a pixel lies at the edge of its label's region. */
function isEdge(labels, index, width) {
  const label = labels[index];
  return (
    (index >= width && labels[index - width] !== label) ||
    (index + width < labels.length && labels[index + width] !== label) ||
    (index % width > 0 && labels[index - 1] !== label) ||
    (index % width < width - 1 && labels[index + 1] !== label)
  );
}

/** Give every pixel the colour and alpha that colourOf(index) names, or none. */
function paint(canvas, colourOf) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  for (let index = 0; index < canvas.width * canvas.height; index++) {
    const found = colourOf(index);
    if (found) {
      picture.data.set(found[0], 4 * index);
      picture.data[4 * index + 3] = found[1];
    }
  }
  context.putImageData(picture, 0, 0);
}

/** The palette's first colours are dark: contours are seen on dark frames, too. */
function lighter(colour) {
  return colour.map((value) => 255 - 0.65 * (255 - value));
}

/** Objects in their colours with contours; one of them alone if `object` is not 0. */
function paintLabels(canvas, labels, object, colours) {
  paint(canvas, (index) => {
    const label = labels[index];
    if (!label || (object && label !== object)) return null;
    const colour = colours.get(label) || WHITE;
    return isEdge(labels, index, canvas.width) ? [lighter(colour), 255] : [colour, FILL];
  });
}

/** Where two masks differ, and faintly where they agree on an object; the second one's contour. */
function paintDifference(canvas, first, second, object) {
  const one = object ? first.map((label) => (label === object ? label : 0)) : first;
  const two = object ? second.map((label) => (label === object ? label : 0)) : second;
  paint(canvas, (index) => {
    const a = one[index];
    const b = two[index];
    if (!a && !b) return null;
    if (!b) return [FIRST_ONLY, STRONG];
    if (!a) return [SECOND_ONLY, STRONG];
    if (a !== b) return [ANOTHER, STRONG];
    return [WHITE, isEdge(two, index, canvas.width) ? 255 : FAINT];
  });
}
