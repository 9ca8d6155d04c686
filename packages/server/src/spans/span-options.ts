import type { Link, SpanKind } from "@opentelemetry/api";

/** What a span attribute may hold: https://opentelemetry.io/docs/specs/otel/common/#attribute */
export type SpanAttributeValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | readonly boolean[];

export interface SpanAttributes {
  readonly [name: string]: SpanAttributeValue | undefined;
}

export interface WithSpanOptions {
  readonly attributes?: SpanAttributes;
  /** INTERNAL without it. */
  readonly kind?: SpanKind;
  /** Spans of other traces that this work has to do with. */
  readonly links?: readonly Link[];
  /** Begins a trace of its own instead of joining the one around it. */
  readonly root?: boolean;
}
