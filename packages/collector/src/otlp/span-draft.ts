import type {
  Attributes,
  AttributeValue,
  SpanEvent,
  SpanKind,
  SpanLink,
  SpanRecord,
  StatusCode,
} from "@throughline/core";
import { DROPPED_SPANS } from "@throughline/core/attributes";

/** What one request for traces held: good spans, and why the others were refused. */
export interface DecodedTraces {
  readonly spans: SpanRecord[];
  /** Spans that were invalid on their own; the rest of the request stands. */
  rejected: number;
  /** What the sender says it has dropped before it could send it. */
  droppedBySender: number;
  /** At most a handful of sentences about refused spans and lossy values. */
  readonly problems: string[];
}

/** A span as it came off either wire, before its ids are checked. Ids are hex in any letter case. */
export interface SpanDraft {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startUnixNano: bigint;
  endUnixNano: bigint;
  attributes: Attributes;
  readonly events: SpanEvent[];
  readonly links: SpanLink[];
  statusCode: number;
  statusMessage: string;
  traceState: string;
  flags: number;
  droppedCount: number;
}

export interface ScopeName {
  readonly name: string;
  readonly version?: string;
}

/** Where a span was found. */
export interface SpanPlace {
  readonly resource: Attributes;
  readonly scope: ScopeName;
}

/** The request cannot be read at all; its message goes to the sender. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(`throughline: ${message}`);
    this.name = "DecodeError";
  }
}

/** Attribute values nest at most this deep, so that a hostile request cannot exhaust the stack. */
export const MAX_DEPTH = 64;

const KINDS: readonly SpanKind[] = ["internal", "internal", "server", "client", "producer", "consumer"];
const STATUS_CODES: readonly StatusCode[] = ["unset", "ok", "error"];
const TRACE_ID = /^[0-9a-f]{32}$/i;
const SPAN_ID = /^[0-9a-f]{16}$/i;
const ALL_ZERO = /^0*$/;
const MAX_PROBLEMS = 5;

export function openSpan(): SpanDraft {
  return {
    traceId: "",
    spanId: "",
    parentSpanId: "",
    name: "",
    kind: 0,
    startUnixNano: 0n,
    endUnixNano: 0n,
    attributes: {},
    events: [],
    links: [],
    statusCode: 0,
    statusMessage: "",
    traceState: "",
    flags: 0,
    droppedCount: 0,
  };
}

/** Adds the finished span, or counts it as rejected and says why. */
export function addSpan(decoded: DecodedTraces, draft: SpanDraft, place: SpanPlace): void {
  const problem = problemOf(draft);
  if (problem === undefined) {
    decoded.spans.push(finish(draft, place));
    return;
  }
  decoded.rejected += 1;
  addProblem(decoded, `span ${JSON.stringify(draft.name)}: ${problem}`);
}

/** A sender tells of its drops on the resource of its next batch, which may hold nothing else. */
export function addResource(decoded: DecodedTraces, resource: Attributes): void {
  const dropped = resource[DROPPED_SPANS];
  if (typeof dropped === "number" && dropped > 0) decoded.droppedBySender += dropped;
}

export function addProblem(decoded: DecodedTraces, problem: string): void {
  if (decoded.problems.length >= MAX_PROBLEMS || decoded.problems.includes(problem)) return;
  decoded.problems.push(problem);
}

/** Adds a link; one with invalid ids points nowhere and counts as dropped. */
export function addLink(draft: SpanDraft, link: SpanLink): void {
  if (!isId(TRACE_ID, link.traceId) || !isId(SPAN_ID, link.spanId)) {
    draft.droppedCount += 1;
    return;
  }
  draft.links.push({ ...link, traceId: link.traceId.toLowerCase(), spanId: link.spanId.toLowerCase() });
}

/** Sets an own property whatever the key is; plain assignment of `__proto__` would replace the prototype. */
export function setAttribute(
  attributes: Record<string, AttributeValue>,
  key: string,
  value: AttributeValue,
): void {
  if (key === "__proto__") {
    Object.defineProperty(attributes, key, { value, enumerable: true, writable: true, configurable: true });
    return;
  }
  attributes[key] = value;
}

/** A number where it is exact, else the decimal text. */
export function exactInteger(value: bigint): number | string {
  const exact = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return exact ? Number(value) : value.toString();
}

/** JSON has no NaN and no infinities, so they are kept as their OTLP/JSON names. */
export function finiteOrName(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

export function scopeName(name: string, version: string): ScopeName {
  return version === "" ? { name } : { name, version };
}

function problemOf(draft: SpanDraft): string | undefined {
  if (!isId(TRACE_ID, draft.traceId)) return idProblem("trace id", draft.traceId, 32);
  if (!isId(SPAN_ID, draft.spanId)) return idProblem("span id", draft.spanId, 16);
  if (ALL_ZERO.test(draft.parentSpanId) || SPAN_ID.test(draft.parentSpanId)) return undefined;
  return idProblem("parent span id", draft.parentSpanId, 16);
}

function idProblem(what: string, id: string, digits: number): string {
  return `${what} ${JSON.stringify(id)} is not ${digits} hex digits that are not all zero`;
}

function isId(pattern: RegExp, id: string): boolean {
  return pattern.test(id) && !ALL_ZERO.test(id);
}

function finish(draft: SpanDraft, place: SpanPlace): SpanRecord {
  const { statusMessage, traceState } = draft;
  const code = STATUS_CODES[draft.statusCode] ?? "unset";
  return {
    traceId: draft.traceId.toLowerCase(),
    spanId: draft.spanId.toLowerCase(),
    ...(ALL_ZERO.test(draft.parentSpanId) ? {} : { parentSpanId: draft.parentSpanId.toLowerCase() }),
    name: draft.name,
    kind: KINDS[draft.kind] ?? "internal",
    startUnixNano: draft.startUnixNano,
    endUnixNano: draft.endUnixNano,
    attributes: draft.attributes,
    events: draft.events,
    links: draft.links,
    status: statusMessage === "" ? { code } : { code, message: statusMessage },
    ...(traceState === "" ? {} : { traceState }),
    flags: draft.flags,
    resource: place.resource,
    scope: place.scope,
    droppedCount: draft.droppedCount,
  };
}
