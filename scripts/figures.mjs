// What the benchmarks do with what they have measured.

/** The value below which `share` of the values lie. */
export function percentile(values, share) {
  // By numbers without a function: a hundred thousand of them are sorted two thousand times for one interval.
  return Float64Array.from(values).sort()[Math.floor(values.length * share)];
}

export function median(values) {
  return percentile(values, 0.5);
}

/** The list from its `by`th on, then those before: another one goes first each time. */
export function turned(list, by) {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/** What an interval says of a goal; one that is surely missed is a regression, which fails the run. */
export function verdict(goal, [from, to]) {
  if (to <= goal) return "met";
  if (from <= goal) return "undecided";
  process.exitCode = 1;
  return "missed";
}

const RESAMPLES = 2000;

/** As many of the values, drawn again by chance. */
export function resampled(values) {
  return values.map(() => values[Math.floor(Math.random() * values.length)]);
}

/** Between which values 95 % of what `draw` gives lie, when it draws the measured values again by chance. */
export function intervalOf(draw) {
  const drawn = Array.from({ length: RESAMPLES }, draw);
  return [percentile(drawn, 0.025), percentile(drawn, 0.975)];
}
