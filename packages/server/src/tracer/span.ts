import {
  type Attributes,
  type AttributeValue,
  type Exception,
  type HrTime,
  isSpanContextValid,
  type Link,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
} from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import type { Span, TimedEvent } from "@opentelemetry/sdk-trace-base";
import {
  EXCEPTION_EVENT,
  EXCEPTION_MESSAGE,
  EXCEPTION_STACKTRACE,
  EXCEPTION_TYPE,
} from "@throughline/core/attributes";
import { hrDuration, hrTimeOf, isBefore } from "./clock.ts";
import { DroppedSpan } from "./dropped-span.ts";
import { type Attributed, attributed, putAttribute, type SpanLimits } from "./span-attributes.ts";

type ExportedLink = Span["links"][number];

export interface NewSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly context: SpanContext;
  readonly parent: SpanContext | undefined;
  readonly startTime: TimeInput | undefined;
  /** See `createClock`. */
  readonly origin: number;
  readonly attributes: Attributes | undefined;
  readonly links: readonly Link[] | undefined;
  readonly scope: InstrumentationScope;
  /** What all spans of the process have alike. */
  readonly process: SpanProcess;
}

export interface SpanProcess {
  readonly resource: Resource;
  readonly limits: SpanLimits;
  readonly onEnd: (span: RecordedSpan) => void;
}

/** A span that records; once it has ended nothing changes it. It is also what the exporters read. */
export class RecordedSpan implements Span {
  // A class, because every method would be a function of its own for each span otherwise.
  name: string;
  readonly kind: SpanKind;
  readonly parentSpanContext?: SpanContext;
  links: ExportedLink[] = [];
  events: TimedEvent[] = [];
  status: SpanStatus = { code: SpanStatusCode.UNSET };
  ended = false;
  readonly instrumentationScope: InstrumentationScope;
  droppedEventsCount = 0;
  droppedLinksCount = 0;
  readonly startTime: HrTime;
  endTime: HrTime = [0, 0];
  /** Of whoever keeps it until its request is over. */
  keeper: unknown;
  /** See `createClock`. */
  readonly origin: number;
  private readonly own: Attributed;
  private readonly context: SpanContext;
  private readonly process: SpanProcess;
  private below: DroppedSpan | undefined;

  constructor({
    name,
    kind,
    context,
    parent,
    startTime,
    origin,
    attributes,
    links,
    scope,
    process,
  }: NewSpan) {
    this.name = String(name);
    this.kind = kind;
    if (parent) this.parentSpanContext = parent;
    this.own = attributed(attributes, process.limits);
    this.instrumentationScope = scope;
    this.startTime = hrTimeOf(startTime, origin);
    this.origin = origin;
    this.keeper = undefined;
    this.context = context;
    this.process = process;
    if (links) this.addLinks(links);
  }

  get attributes(): Attributes {
    return this.own.attributes;
  }
  get droppedAttributesCount(): number {
    return this.own.dropped;
  }
  get resource(): Resource {
    return this.process.resource;
  }
  get duration(): HrTime {
    return this.ended ? hrDuration(this.startTime, this.endTime) : [-1, -1];
  }
  /** Stands for everything below a span that is recorded for metrics alone. */
  get dropped(): DroppedSpan {
    this.below ??= new DroppedSpan(this.context);
    return this.below;
  }
  spanContext(): SpanContext {
    return this.context;
  }
  isRecording(): boolean {
    return !this.ended;
  }

  setAttribute(key: string, value: AttributeValue): this {
    if (this.ended) return this;
    putAttribute(this.own, key, value, this.process.limits);
    return this;
  }

  setAttributes(attributes: Attributes): this {
    if (this.ended) return this;
    for (const key of Object.keys(attributes))
      putAttribute(this.own, key, attributes[key], this.process.limits);
    return this;
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (this.ended) return this;
    const isTime = isTimeInput(attributesOrTime);
    const { attributes, dropped } = attributed(isTime ? undefined : attributesOrTime, this.process.limits);
    const at = time ?? (isTime ? attributesOrTime : undefined);
    this.events.push({
      name: String(name),
      attributes,
      time: hrTimeOf(at, this.origin),
      droppedAttributesCount: dropped,
    });
    if (this.events.length > this.process.limits.events && this.events.shift()) this.droppedEventsCount += 1;
    return this;
  }

  addLink({ context, attributes: given }: Link): this {
    if (this.ended) return this;
    // A collector may refuse the whole batch for one id that is none.
    if (!context || !isSpanContextValid(context)) {
      this.droppedLinksCount += 1;
      return this;
    }
    const { attributes, dropped } = attributed(given, this.process.limits);
    this.links.push({
      context,
      ...(Object.keys(attributes).length > 0 && { attributes }),
      ...(dropped > 0 && { droppedAttributesCount: dropped }),
    });
    if (this.links.length > this.process.limits.links && this.links.shift()) this.droppedLinksCount += 1;
    return this;
  }

  addLinks(links: readonly Link[]): this {
    for (const link of links) this.addLink(link);
    return this;
  }

  // https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
  setStatus({ code, message }: SpanStatus): this {
    if (this.ended || code === SpanStatusCode.UNSET || this.status.code === SpanStatusCode.OK) return this;
    this.status = code === SpanStatusCode.ERROR && typeof message === "string" ? { code, message } : { code };
    return this;
  }

  updateName(name: string): this {
    if (!this.ended) this.name = String(name);
    return this;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    const described = describe(exception);
    if (described) this.addEvent(EXCEPTION_EVENT, described, time);
  }

  end(time?: TimeInput): void {
    if (this.ended) return;
    const endTime = hrTimeOf(time, this.origin);
    this.endTime = isBefore(endTime, this.startTime) ? this.startTime : endTime;
    this.ended = true;
    this.process.onEnd(this);
  }
}

function isTimeInput(value: Attributes | TimeInput | undefined): value is TimeInput {
  return typeof value === "number" || value instanceof Date || Array.isArray(value);
}

// https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
function describe(exception: Exception | null | undefined): Attributes | undefined {
  if (exception === null || exception === undefined) return undefined;
  // The API's type is a union in which each member forbids nothing that the others have.
  const { code, name, message, stack } = (
    typeof exception === "string" ? { message: exception } : exception
  ) as { code?: string | number; name?: string; message?: string; stack?: string };
  const type = code ? String(code) : name;
  if (!type && !message) return undefined;
  return {
    ...(type && { [EXCEPTION_TYPE]: type }),
    ...(message && { [EXCEPTION_MESSAGE]: message }),
    ...(stack && { [EXCEPTION_STACKTRACE]: stack }),
  };
}
