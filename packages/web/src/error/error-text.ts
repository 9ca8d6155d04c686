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

/** Whether Next.js threw it to steer: a redirect, not found, "leave it to the browser". Its digest says so. */
export function isControlFlow(error: unknown): boolean {
  return /^(NEXT_|BAILOUT_TO_|DYNAMIC_SERVER_)/.test(textOf(Object(error).digest));
}

export function messageOf(error: unknown): string {
  return textOf(error instanceof Error ? error.message : error);
}
