/** The same numbers below 1 for the same seed, so that a run that fails can be repeated. Marsaglia's xorshift. */
export function seeded(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
