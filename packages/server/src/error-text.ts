/** What an error says of itself, also one that is no Error; of a value without a text, that it has none. */
export function errorText(error: unknown): string {
  try {
    return String(Object(error).message ?? error);
  } catch {
    return "something that has no text was thrown";
  }
}

/** {@link errorText} with the error's name before it. */
export function printError(error: unknown): string {
  try {
    return String(error);
  } catch {
    return errorText(error);
  }
}

/** An error's stack, which is written as it is read: what others do for that (`Error.prepareStackTrace`) may throw. */
export function stackOf(error: Error): string | undefined {
  try {
    return typeof error.stack === "string" ? error.stack : undefined;
  } catch {
    return undefined;
  }
}
