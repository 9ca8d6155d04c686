// What the benchmarks do with what they have measured.

/** The value below which `share` of the values lie. */
export function percentile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)];
}

export function median(values) {
  return percentile(values, 0.5);
}

/** The list from its `by`th on, then those before: another one goes first each time. */
export function turned(list, by) {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
