import { scrub } from "@throughline/core";
import { printError } from "./error-text.ts";
import { processState } from "./process-state.ts";

/** More causes than this are one that is told anew each time. */
const MAX_SAID = 1000;
/** Of the newest, for the doctor. */
const MAX_REMEMBERED = 20;

/** One line to the host's console, where the owner of the app looks. */
export function say(level: "info" | "warn", text: string): void {
  if (level === "warn") remember(text);
  try {
    // biome-ignore lint/suspicious/noConsole: the boot line and the cure for a bad setting are meant for the app's log
    console[level](`@throughline/server: ${text}`);
  } catch {
    // The app may have put one of its own in place; its requests go on, and the signal that ends it is sent.
  }
}

function remember(text: string): void {
  const { warnings } = processState();
  warnings.push(text);
  if (warnings.length > MAX_REMEMBERED) warnings.shift();
}

/** A line for the console as it stands, for `OTEL_TRACES_EXPORTER=console`. */
export function print(line: string): void {
  // biome-ignore lint/suspicious/noConsole: the console is what was asked for
  console.log(line);
}

/** A warning that this process gives once, whichever of our bundles finds its cause first. */
export function warnOnce(text: string, key: string = text): void {
  const { said } = processState();
  if (said.has(key) || said.size >= MAX_SAID) return;
  said.add(key);
  say("warn", text);
}

/** That something failed, the first time; what the error says is another text each time, and may hold anything. */
export function warnOfFailure(what: string, error: unknown, cure: string): void {
  warnOnce(`${what}: ${scrub(printError(error))}. ${cure}.`, what);
}

/** An error that this process tells once, with the place in its stack; Next.js's dev server shows it over the page. */
export function sayErrorOnce(error: Error): void {
  const { said } = processState();
  if (said.has(error.message)) return;
  said.add(error.message);
  error.message = `@throughline/server: ${error.message}`;
  // biome-ignore lint/suspicious/noConsole: a mistake in the app's own code, for whoever wrote it
  console.error(error);
}
