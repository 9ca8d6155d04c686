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
  try {
    return /^(NEXT_|BAILOUT_TO_|DYNAMIC_SERVER_)/.test(Object(error).digest);
  } catch {
    // Something that tells nothing of itself, as a proxy may.
    return false;
  }
}

/** Of what is no Error too: clients of databases throw objects with a message. */
export function messageOf(error: unknown): string {
  try {
    return String(Object(error).message ?? error);
  } catch {
    return typeof error;
  }
}
