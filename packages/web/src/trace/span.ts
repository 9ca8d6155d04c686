import {
  type Attributes,
  type Exception,
  type HrTime,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
} from "@opentelemetry/api";
import {
  EXCEPTION_EVENT,
  EXCEPTION_MESSAGE,
  EXCEPTION_STACKTRACE,
  EXCEPTION_TYPE,
} from "@throughline/core/attributes";
import { attributed, LIMIT, putAttributes } from "./span-attributes.ts";
import { type Clock, hrTime, isBefore } from "./span-time.ts";

export interface InstrumentationScope {
  readonly name: string;
  readonly version?: string | undefined;
}

/** What is known of a span; the SDK's spans have this shape too. */
export interface SpanData {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanContext: () => SpanContext;
  readonly parentSpanContext?: SpanContext | undefined;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
  readonly events: readonly SpanEvent[];
  readonly droppedEventsCount: number;
  readonly links: readonly SpanLink[];
  readonly droppedLinksCount: number;
  readonly instrumentationScope: InstrumentationScope;
}

export interface SpanEvent {
  readonly name: string;
  readonly time: HrTime;
  readonly attributes?: Attributes;
  readonly droppedAttributesCount?: number;
}

export interface SpanLink {
  readonly context: SpanContext;
  readonly attributes?: Attributes;
  readonly droppedAttributesCount?: number;
}

export type RecordedSpan = Span & SpanData;

export interface NewSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanContext: SpanContext;
  readonly parentSpanContext: SpanContext | undefined;
  readonly attributes?: Attributes | undefined;
  readonly links?: readonly Link[] | undefined;
  readonly startTime?: TimeInput | undefined;
  readonly instrumentationScope: InstrumentationScope;
  readonly clock: Clock;
  readonly onEnd: (span: SpanData) => void;
}

type Changing<T> = { -readonly [K in keyof T]: T[K] };

interface Lists {
  readonly events: SpanEvent[];
  readonly links: SpanLink[];
}

/** A span that records; once it has ended nothing changes it. */
export function createSpan(start: NewSpan): RecordedSpan {
  const { clock, onEnd, spanContext, attributes, links, startTime, ...rest } = start;
  const origin = clock();
  const timeOf = (time: TimeInput = performance.now()): HrTime => hrTime(time, origin);
  let open = true;
  const data: Changing<SpanData> & Lists = {
    ...rest,
    ...attributed(attributes),
    spanContext: () => spanContext,
    startTime: timeOf(startTime),
    endTime: [0, 0],
    status: { code: SpanStatusCode.UNSET },
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
  };
  const change = (run: () => void): RecordedSpan => {
    if (open) run();
    return span;
  };
  const set = (values: Partial<SpanData>): RecordedSpan => change(() => Object.assign(data, values));
  const addLink = (link: Link): void => {
    data.droppedLinksCount += push(data.links, { context: link.context, ...attributed(link.attributes) });
  };
  const addEvent: Span["addEvent"] = (name, values, time) => {
    const isTime = typeof values === "number" || values instanceof Date || Array.isArray(values);
    const event = {
      name,
      time: timeOf(time ?? (isTime ? values : undefined)),
      ...attributed(isTime ? undefined : values),
    };
    data.droppedEventsCount += push(data.events, event);
    return span;
  };
  const span: RecordedSpan = Object.assign(data, {
    isRecording: () => open,
    setAttribute: (key, value) => change(() => putAttributes(data, { [key]: value })),
    setAttributes: (values) => change(() => putAttributes(data, values)),
    addEvent: (...event) => change(() => addEvent(...event)),
    addLink: (link) => change(() => addLink(link)),
    addLinks: (added) => change(() => added.forEach(addLink)),
    setStatus: (status) => set({ status: nextStatus(data.status, status) }),
    updateName: (name) => set({ name }),
    recordException(exception, time) {
      const described = describe(exception);
      if (described) change(() => addEvent(EXCEPTION_EVENT, described, time));
    },
    end(time) {
      change(() => {
        const endTime = timeOf(time);
        data.endTime = isBefore(endTime, data.startTime) ? data.startTime : endTime;
        open = false;
        onEnd(span);
      });
    },
  } satisfies Omit<Span, "spanContext">);
  links?.forEach(addLink);
  return span;
}

/** How many had to go: the oldest, once the list is full. */
function push<T>(list: T[], item: T): number {
  list.push(item);
  return list.length > LIMIT && list.shift() ? 1 : 0;
}

// https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
function nextStatus(current: SpanStatus, { code, message }: SpanStatus): SpanStatus {
  if (code === SpanStatusCode.UNSET || current.code === SpanStatusCode.OK) return current;
  return code === SpanStatusCode.ERROR && typeof message === "string" ? { code, message } : { code };
}

// https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
function describe(exception: Exception): Attributes | undefined {
  // The API's type is a union in which each member forbids nothing that the others have.
  const { code, name, message, stack } = Object(
    typeof exception === "string" ? { message: exception } : exception,
  ) as { code?: string | number; name?: string; message?: string; stack?: string };
  const type = code ? String(code) : name;
  if (!type && !message) return undefined;
  return { [EXCEPTION_TYPE]: type, [EXCEPTION_MESSAGE]: message, [EXCEPTION_STACKTRACE]: stack };
}
