// Values over a video's frames: scores, what differs, and the frames worth looking at.

const LISTED = 6;
const APART = 3; // listed frames lie at least so many frames apart

const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean per time of several lists, over those that have a value there; null where none has. */
function meanOverTime(lists, times) {
  return Array.from({ length: times }, (_, time) => {
    const there = lists.map((values) => values[time]).filter((value) => value !== null);
    return there.length ? meanOf(there) : null;
  });
}

/** Scores per time of an object, or their mean over all objects if it is 0. */
function scoresOf(data, entry, measure, object) {
  const lists = Object.entries(data.scores[entry])
    .filter(([id]) => !object || Number(id) === object)
    .map(([, values]) => values[measure]);
  return meanOverTime(lists, data.times.length);
}

/** Share of an object (0: all) that differs between two predictions, null for one and the same. */
function changesOf(data, a, b, object) {
  const shares = data.changes[[Math.min(a, b), Math.max(a, b)].join("-")];
  return shares ? shares[object] || data.times.map(() => null) : null;
}

/** Times with the largest values, or the smallest, some frames apart: [{value, time}]. */
function extremes(values, largestFirst) {
  const ranked = values
    .map((value, time) => ({ value, time }))
    .filter(({ value }) => value !== null)
    .sort((x, y) => (largestFirst ? y.value - x.value : x.value - y.value));
  const chosen = [];
  for (const item of ranked)
    if (chosen.length < LISTED && chosen.every(({ time }) => Math.abs(time - item.time) >= APART)) chosen.push(item);
  return chosen;
}
