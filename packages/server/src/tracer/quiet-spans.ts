import { INVALID_SPAN_CONTEXT, type Link, type Span, type SpanContext } from "@opentelemetry/api";
import type { RecordedSpan } from "./span.ts";

/** A span that records nothing. A class, because there are thousands a second. */
export class QuietSpan implements Span {
  /** The span whose noise this stands in for; what starts below is that one's child. `undefined`: a dropped trace. */
  readonly noiseOf: RecordedSpan | undefined;
  private readonly context: SpanContext;

  constructor(context: SpanContext, noiseOf?: RecordedSpan) {
    this.context = context;
    this.noiseOf = noiseOf;
  }
  spanContext(): SpanContext {
    return this.context;
  }
  isRecording(): boolean {
    return false;
  }
  setAttribute(): this {
    return this;
  }
  setAttributes(): this {
    return this;
  }
  addEvent(): this {
    return this;
  }
  addLink(_link: Link): this {
    return this;
  }
  addLinks(_links: Link[]): this {
    return this;
  }
  setStatus(): this {
    return this;
  }
  updateName(): this {
    return this;
  }
  recordException(): void {
    return;
  }
  end(): void {
    return;
  }
}

/** Of requests and contexts in which nothing is traced: it has no ids, so nothing is sent on either. */
export const NO_SPAN: QuietSpan = new QuietSpan(INVALID_SPAN_CONTEXT);

/** Not kept, and neither is anything below. */
export function isDropped(span: unknown): span is QuietSpan {
  return span instanceof QuietSpan && span.noiseOf === undefined;
}
