import { attempt } from "../start-all.ts";
import type { SpanData } from "../trace/span.ts";
import { writeSpan } from "../transport/otlp-json.ts";
import type { ConsentGate } from "./consent.ts";

const MAX_SPANS = 1000;
/** As JSON, which is nearly all ASCII. */
const MAX_CHARACTERS = 512 * 1024;

/** Keeps ended spans in memory until they may be sent; the oldest make room. */
export function holdUntilGranted(
  consent: ConsentGate,
  send: (span: SpanData) => void,
): (span: SpanData) => void {
  const held: { readonly span: SpanData; readonly size: number }[] = [];
  let characters = 0;
  consent.whenGranted(() => {
    for (const { span } of held.splice(0)) send(span);
  });
  return (span) => {
    if (consent.isGranted) return send(span);
    const size = attempt(() => writeSpan(span).length) ?? 0;
    held.push({ span, size });
    characters += size;
    while (held.length > MAX_SPANS || characters > MAX_CHARACTERS) characters -= held.shift()?.size ?? 0;
  };
}
