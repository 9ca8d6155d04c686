import type { Attributes } from "./span-record.ts";

/** A line of a log that was written inside a trace, as the collector keeps it. */
export interface LogLine {
  readonly traceId: string;
  /** Empty where the sender knew the trace only. */
  readonly spanId: string;
  /** Decimal text. */
  readonly timeUnixNano: string;
  /** https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
  readonly severityNumber: number;
  /** The logger's own word for it: `warn`. */
  readonly severityText: string;
  readonly body: string;
  readonly service: string;
  readonly attributes: Attributes;
}
