import { type Attributes, type SpanRecord, serviceOf, spanLabel, spanNote } from "@throughline/core";

/** What a filter looks into, in lower case: lines between line breaks, none of them twice. */
export interface SearchText {
  /** Labels, names, services, messages, and `key=value` of each attribute. */
  readonly words: string;
  /** `key=value` of numbers, which only match as a whole: `500` is no part of `15003`. */
  readonly numbers: string;
  readonly spanIds: string;
}

/** Of one trace; what a span of many thousands says beyond this is not found. */
const MAX_WORDS = 32 * 1024;
const MAX_VALUE = 400;
/** Shorter words occur in ids by chance. */
export const SHORTEST_ID = 8;
const STACK = /\.stacktrace$|component_stack$/;

/** The text of a trace that {@link findsWords} looks into. */
export function searchTextOf(spans: readonly SpanRecord[]): SearchText {
  const words = createLines(MAX_WORDS);
  const numbers = createLines(MAX_WORDS);
  const addAll = (attributes: Attributes): void => {
    for (const [key, value] of Object.entries(attributes)) {
      if (STACK.test(key)) continue;
      if (typeof value === "number") numbers.add(value, key);
      else words.add(typeof value === "string" ? value : JSON.stringify(value), key);
    }
  };
  // Labels first: in a trace of very many spans they are what fits.
  for (const span of spans) {
    words.add(spanLabel(span));
    words.add(span.name);
    words.add(serviceOf(span));
    words.add(spanNote(span) ?? "");
    words.add(span.status.message ?? "");
    if (span.status.code === "error") words.add("error");
  }
  for (const span of spans) {
    // Of a file its name is enough: with the addresses of all scripts nearly every word would find every page load.
    if (span.name.startsWith("resource ")) continue;
    addAll(span.attributes);
    for (const event of span.events) addAll(event.attributes);
  }
  return {
    words: words.text(),
    numbers: numbers.text(),
    spanIds: spans.map((span) => span.spanId).join("\n"),
  };
}

/**
 * Whether each of the words occurs somewhere in the trace; `key=value` looks into that one attribute. `words` are in
 * lower case.
 */
export function findsWords(text: SearchText, words: readonly string[]): boolean {
  return words.every((word) => {
    // The line break in front finds a key only at the start of its line.
    // An address with a query is a word: no key has a slash or a question mark.
    if (/^[^=/?]+=/.test(word))
      return text.words.includes(`\n${word}`) || text.numbers.includes(`\n${word}\n`);
    if (text.words.includes(word) || text.numbers.includes(`=${word}\n`)) return true;
    return word.length >= SHORTEST_ID && text.spanIds.includes(word);
  });
}

/** The words of a filter: `POST stock` asks for two. */
export function wordsOf(query: string): readonly string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

export function lengthOf({ words, numbers, spanIds }: SearchText): number {
  return words.length + numbers.length + spanIds.length;
}

function createLines(maxLength: number) {
  // By key, so that what was there before is found without making a line of it; most of a trace repeats itself.
  const known = new Map<string, Set<string | number>>();
  const lines: string[] = [];
  let length = 0;
  return {
    add(value: string | number, key = ""): void {
      if (value === "" || length >= maxLength) return;
      const values = known.get(key) ?? new Set();
      if (values.has(value)) return;
      known.set(key, values.add(value));
      const text = typeof value === "string" && value.length > MAX_VALUE ? value.slice(0, MAX_VALUE) : value;
      const line = key === "" ? String(text) : `${key}=${text}`;
      lines.push(line);
      length += line.length + 1;
    },
    text: () => `\n${lines.join("\n")}\n`.toLowerCase(),
  };
}
