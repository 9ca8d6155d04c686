import type { SpanRecord } from "@throughline/core";
import { findsWords, lengthOf, type SearchText, SHORTEST_ID, searchTextOf } from "./search-text.ts";

/** Characters of all texts together; about 3000 a trace, so that the 10 000 traces of the default limits fit. */
const MAX_LENGTH = 48 * 1024 * 1024;

/** The texts that filters look into, made when first asked for and kept while there is room. */
export interface SearchCache {
  of(traceId: string): SearchText;
  /** Whether each word, in lower case, occurs in the trace or in its id. */
  finds(traceId: string, words: readonly string[]): boolean;
  forget(traceId: string): void;
  clear(): void;
}

export function createSearchCache(
  load: (traceId: string) => readonly SpanRecord[],
  maxLength: number = MAX_LENGTH,
): SearchCache {
  const texts = new Map<string, SearchText>();
  let length = 0;
  const of = (traceId: string): SearchText => {
    const known = texts.get(traceId);
    if (known) return known;
    const text = searchTextOf(load(traceId));
    // A full cache stays as it is: to swap texts while every trace is looked at would keep none.
    if (length + lengthOf(text) <= maxLength) {
      texts.set(traceId, text);
      length += lengthOf(text);
    }
    return text;
  };
  return {
    of,
    finds(traceId, words) {
      const isId = (word: string): boolean =>
        word.length < SHORTEST_ID ? traceId.startsWith(word) : traceId.includes(word);
      const others = words.filter((word) => !isId(word));
      return others.length === 0 || findsWords(of(traceId), others);
    },
    forget(traceId) {
      const known = texts.get(traceId);
      if (!known) return;
      length -= lengthOf(known);
      texts.delete(traceId);
    },
    clear() {
      texts.clear();
      length = 0;
    },
  };
}
