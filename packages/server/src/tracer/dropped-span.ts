import { INVALID_SPAN_CONTEXT, type Link, type Span, type SpanContext } from "@opentelemetry/api";

/** A span that is not kept, and stands for all below it. A class, because there are thousands a second. */
export class DroppedSpan implements Span {
  private readonly context: SpanContext;

  constructor(context: SpanContext) {
    this.context = context;
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
export const NO_SPAN: DroppedSpan = new DroppedSpan(INVALID_SPAN_CONTEXT);
