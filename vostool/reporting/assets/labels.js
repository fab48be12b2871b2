// Masks of a layer, as reporting/label_runs.py packs them: runs of length x 256 + label.

/** Runs per frame (Uint32Array), null where a frame has no mask. */
async function unpackLayer(layer) {
  const bytes = Uint8Array.from(atob(layer.runs), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const runs = new Uint32Array(await new Response(stream).arrayBuffer());
  let start = 0;
  return layer.counts.map((count) => {
    start += count;
    return count ? runs.subarray(start - count, start) : null;
  });
}

/** One label per pixel, row by row. */
function labelsOf(runs, pixels) {
  const labels = new Uint8Array(pixels);
  let position = 0;
  for (const run of runs) {
    const length = run >>> 8;
    labels.fill(run & 255, position, position + length);
    position += length;
  }
  return labels;
}
