import type { SpanJson, TraceDocument } from "@throughline/core";
import { printValue } from "./attribute-groups.ts";

/**
 * Finds spans of one trace, in row order: every word must occur in the label, name, service, ids, kind, status
 * message or an attribute; `key=value` looks into that one attribute, `error` finds errors too.
 */
export function createTraceSearch(document: TraceDocument): (query: string) => readonly string[] {
  let haystacks: ReadonlyMap<string, string> | undefined;
  return (query) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    haystacks ??= readHaystacks(document);
    const found: string[] = [];
    for (const row of document.rows) {
      const haystack = haystacks.get(row.spanId) ?? "";
      if (words.every((word) => contains(haystack, word))) found.push(row.spanId);
    }
    return found;
  };
}

function contains(haystack: string, word: string): boolean {
  const equals = word.indexOf("=");
  // Each attribute is a line `key=value`, so that a key is only found at the start of one.
  return equals > 0 ? haystack.includes(`\n${word}`) : haystack.includes(word);
}

function readHaystacks(document: TraceDocument): ReadonlyMap<string, string> {
  const spans = new Map(document.spans.map((span) => [span.spanId, span]));
  return new Map(
    document.rows.map((row) => {
      const span = spans.get(row.spanId);
      const words = [row.label, row.service, row.kind, row.spanId, row.error ? "error" : ""];
      return [row.spanId, `${words.join("\n")}${span ? spanText(span) : ""}`.toLowerCase()];
    }),
  );
}

function spanText(span: SpanJson): string {
  const lines = [span.name, span.status.message ?? ""];
  for (const attributes of [span.attributes, ...span.events.map((event) => event.attributes)]) {
    for (const [key, value] of Object.entries(attributes)) lines.push(`${key}=${printValue(value)}`);
  }
  return `\n${lines.join("\n")}`;
}
