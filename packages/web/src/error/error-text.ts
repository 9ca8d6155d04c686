/** What is thrown may be anything, also something that cannot be made a text. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}

/** The `error.type` of what was thrown. */
export function typeOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

export function messageOf(error: unknown): string {
  return textOf(error instanceof Error ? error.message : error);
}
