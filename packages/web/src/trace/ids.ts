export function newTraceId(): string {
  return randomHex(4);
}

export function newSpanId(): string {
  return randomHex(2);
}

/** Eight digits a word. */
function randomHex(words: number): string {
  let digits = "";
  for (const word of crypto.getRandomValues(new Uint32Array(words)))
    digits += word.toString(16).padStart(8, "0");
  return digits;
}
