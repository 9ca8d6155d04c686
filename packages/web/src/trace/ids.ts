export function newTraceId(): string {
  return randomHex(4);
}

export function newSpanId(): string {
  return randomHex(2);
}

/** Eight digits a word; one text for each byte would take five times as long. */
function randomHex(words: number): string {
  const digits = (word: number): string => word.toString(16).padStart(8, "0");
  return Array.from(crypto.getRandomValues(new Uint32Array(words)), digits).join("");
}
