import { scrub } from "./scrub.ts";

/** One row of a settings table: where the text comes from, how it is read, what holds without it. */
export interface Setting<T> {
  /** Environment variables, the first one wins that is set, not empty, and not forgiven. */
  readonly env?: readonly string[];
  /** Text to value; throws an `Error` whose message says what was expected. */
  readonly parse: (text: string) => T;
  readonly fallback: T;
  /** Messages do not show the text. */
  readonly isSecret?: boolean;
  /** Without it a bad value is an error: it decides where data go, who sees them, or which are kept. */
  readonly whenBad?: WhenBad;
  /** What still holds of a bad value, where the fallback would say more than was asked for. */
  readonly salvage?: (text: string) => T;
}

/** What a bad value costs: it counts as unset, or a whole signal is not sent. */
export type WhenBad = "unset" | "no logs" | "no metrics";

/** A bad value that is no error. */
export interface BadValue<C> {
  readonly key: keyof C & string;
  /** Variable, text and what was expected. */
  readonly problem: string;
  readonly whenBad: WhenBad;
}

export type SettingsTable<C> = { readonly [K in keyof C]-?: Setting<C[K]> };

export type Env = Readonly<Record<string, string | undefined>>;

/** Options as a caller may write them: `undefined` means "not given". */
export type Given<C> = { readonly [K in keyof C]?: C[K] | undefined };

/** Thrown by {@link readSettings}; `problems` holds one sentence per bad value. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`throughline: ${problems.join("; ")}`);
    this.name = "SettingsError";
    this.problems = problems;
  }
}

/**
 * Reads a settings table: option, else environment, else fallback. What a row's `whenBad` forgives goes to `tell`;
 * where nobody is told, nothing is forgiven.
 * @throws SettingsError with every other problem at once, naming variable, text and cure.
 */
export function readSettings<C extends object>(
  table: SettingsTable<C>,
  given: Given<C>,
  env: Env,
  tell?: (bad: BadValue<C>) => void,
): C {
  const problems: string[] = [];
  const values: Partial<C> = {};
  for (const key of Object.keys(table) as (keyof C & string)[]) {
    const { whenBad } = table[key];
    const complain = (problem: string): void => {
      if (tell && whenBad) tell({ key, problem, whenBad });
      else problems.push(problem);
    };
    values[key] = given[key] ?? readVariables(table[key], env, complain);
  }
  // One variable may stand in several rows, as the headers of all signals do.
  if (problems.length > 0) throw new SettingsError([...new Set(problems)]);
  return values as C;
}

/** The first variable that holds a value; an empty one counts as unset, and one that was complained of. */
function readVariables<T>(setting: Setting<T>, env: Env, complain: (problem: string) => void): T {
  for (const name of setting.env ?? []) {
    // https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    const text = env[name]?.trim();
    if (!text) continue;
    try {
      return setting.parse(text);
    } catch (error) {
      // What was expected may repeat a part of the text.
      complain(scrub(problemOf(setting.isSecret ? name : `${name}=${JSON.stringify(shown(text))}`, error)));
      if (setting.salvage) return setting.salvage(text);
    }
  }
  return setting.fallback;
}

/** A refused value as a message may show it: of what is meant as a URL and is none, the password may be anywhere before the @. */
function shown(text: string): string {
  // URLs are read with any number of slashes, and backslashes for them.
  const userinfo = isHttpUrl(text) ? /^(\w+:[/\\]*)[^/?#\\]*@/ : /^(\w+:\/\/)?.*@/s;
  return scrub(text.replace(userinfo, "$1"));
}

function isHttpUrl(text: string): boolean {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

function problemOf(what: string, error: unknown): string {
  return `${what}: ${error instanceof Error ? error.message : String(error)}`;
}

export function parseText(text: string): string {
  return text;
}

/** `true` or `false`, in any letter case. */
export function parseBoolean(text: string): boolean {
  const lower = text.toLowerCase();
  if (lower === "true") return true;
  if (lower === "false") return false;
  throw new Error("expected true or false");
}

/** A share from 0 to 1. */
export function parseRatio(text: string): number {
  const value = Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new Error("expected a number from 0 (keep no trace) to 1 (keep every trace)");
}

/** A whole number in `[min, max]`. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new Error(`expected a whole number from ${min} to ${max}`);
  };
}

/** An absolute http(s) URL; returned without a trailing slash. */
export function parseUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error('expected an absolute URL such as "http://localhost:4318"');
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new Error('expected an http:// or https:// URL such as "http://localhost:4318"');
  }
  return url.href.replace(/\/$/, "");
}

/** {@link parseUrl} of what paths are put behind: `https://host/otlp//` is `https://host/otlp`. */
export function parseBaseUrl(text: string): string {
  const url = parseUrl(text);
  if (/[?#]/.test(url)) {
    throw new Error(
      'expected a URL without query and fragment, such as "http://localhost:4318"; a signal\'s own endpoint may have them',
    );
  }
  return url.replace(/\/+$/, "");
}

/** A URL that is asked for as it stands: the slash at its end may be part of the address. */
export function parseExactUrl(text: string): string {
  const url = parseUrl(text);
  return new URL(text).pathname === "/" ? url : new URL(text).href;
}

/**
 * One of the listed words, which are in lower case, in any letter case:
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#enum
 */
export function parseOneOf<T extends string>(...words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text.toLowerCase());
    if (found !== undefined) return found;
    throw new Error(`expected one of ${words.join(", ")}`);
  };
}

/** A list of words, each one of the listed as {@link parseOneOf} takes it; empty ones are left out. */
export function parseWords<T extends string>(...words: readonly T[]): (text: string) => readonly T[] {
  const isKnown = (word: string): word is T => (words as readonly string[]).includes(word);
  return (text) => {
    const given = parseList(text);
    const known = given.map((word) => word.toLowerCase()).filter(isKnown);
    if (known.length === given.length) return known;
    const unknown = given.filter((word) => !isKnown(word.toLowerCase())).map((word) => JSON.stringify(word));
    throw new Error(`expected words of ${words.join(", ")}, got ${unknown.join(" and ")}`);
  };
}

/** Of such a list the words that are known. */
export function knownWords<T extends string>(...words: readonly T[]): (text: string) => readonly T[] {
  return (text) => {
    const given = parseList(text.toLowerCase());
    return words.filter((word) => given.includes(word));
  };
}

/** `key=value,key2=value2` with percent-encoded values, the form of OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES. */
export function parseKeyValues(text: string): Readonly<Record<string, string>> {
  const pairs: Record<string, string> = {};
  for (const part of text.split(",")) {
    if (part.trim() === "") continue;
    const equals = part.indexOf("=");
    const key = part.slice(0, equals).trim();
    if (equals < 1 || key === "") throw new Error('expected "key=value" pairs separated by commas');
    pairs[key] = decodeValue(part.slice(equals + 1).trim());
  }
  return pairs;
}

/** {@link parseKeyValues} of HTTP headers: https://www.rfc-editor.org/rfc/rfc9110#name-field-values */
export function parseHeaders(text: string): Readonly<Record<string, string>> {
  const headers = parseKeyValues(text);
  for (const [name, value] of Object.entries(headers)) {
    // Not the name itself: in "authorization: Bearer s3cret==" the secret is before the first equals sign.
    const [strange] = /[^\w!#$%&'*+.^`|~-]/u.exec(name) ?? [];
    if (strange !== undefined)
      throw new Error(
        `expected "name=value" pairs separated by commas, without quotes around them; a name holds ${JSON.stringify(strange)}, as no header's does`,
      );
    if (!/^[\t -~\x80-\xff]*$/.test(value))
      throw new Error(
        `expected one line; the value of ${name} has a line break or another character that no header takes`,
      );
  }
  return headers;
}

/** Comma-separated words, empty ones left out. */
export function parseList(text: string): readonly string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

function decodeValue(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("expected percent-encoded values; a literal % is written %25");
  }
}
