// One order, from the click to the query, in three processes; tests leave out or change what they are about.
import {
  type AttributeValue,
  type SpanKind,
  type SpanRecord,
  spanToJson,
  type TraceDocument,
} from "@throughline/core";
import type { Evidence, SettleReport } from "../src/evidence.ts";
import type { WireEntry } from "../src/wire.ts";

export const TRACE = "0af7651916cd43dd8448eb211c80319c";
export const OTHER_TRACE = "9f407651916cd43dd8448eb211c80317";
export const PAGE = "http://shop.test";
export const TEST_ID = "test-1";
const EPOCH_MS = 1_800_000_000_000;

export interface SpanInput {
  readonly id: string;
  readonly parent?: string;
  readonly service: "web" | "shop" | "inventory";
  readonly kind?: SpanKind;
  readonly name?: string;
  readonly traceId?: string;
  readonly startMs?: number;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

export function spanOf({ id, parent, service, kind = "internal", ...rest }: SpanInput): SpanRecord {
  const startUnixNano = BigInt(EPOCH_MS + (rest.startMs ?? 0)) * 1_000_000n;
  return {
    traceId: rest.traceId ?? TRACE,
    spanId: id,
    ...(parent === undefined ? {} : { parentSpanId: parent }),
    name: rest.name ?? id,
    kind,
    startUnixNano,
    endUnixNano: startUnixNano + 40_000_000n,
    attributes: rest.attributes ?? {},
    events: [],
    links: [],
    status: { code: "unset" },
    flags: 1,
    resource: { "service.name": service, ...(service === "web" ? { "test.case.id": TEST_ID } : {}) },
    scope: { name: "test" },
    droppedCount: 0,
  };
}

export const click: SpanRecord = spanOf({
  id: "c0c0c0c0c0c0c0c0",
  service: "web",
  name: "click Buy",
  attributes: { "throughline.interaction.type": "click", "throughline.interaction.target": "Buy" },
});

export const browserPost: SpanRecord = spanOf({
  id: "b0b0b0b0b0b0b0b0",
  parent: click.spanId,
  service: "web",
  kind: "client",
  name: "POST",
  startMs: 5,
  attributes: {
    "http.request.method": "POST",
    "url.full": `${PAGE}/api/orders`,
    "http.response.status_code": 201,
    "throughline.propagation": "sent",
  },
});

export const serverPost: SpanRecord = spanOf({
  id: "5050505050505050",
  parent: browserPost.spanId,
  service: "shop",
  kind: "server",
  name: "POST /api/orders",
  startMs: 10,
  attributes: { "http.request.method": "POST", "http.route": "/api/orders", "url.path": "/api/orders" },
});

export const handler: SpanRecord = spanOf({
  id: "6060606060606060",
  parent: serverPost.spanId,
  service: "shop",
  name: "executing api route",
  startMs: 11,
});

export const outbound: SpanRecord = spanOf({
  id: "7070707070707070",
  parent: handler.spanId,
  service: "shop",
  kind: "client",
  name: "GET",
  startMs: 12,
  attributes: { "http.request.method": "GET", "url.full": "http://inventory.test/stock?sku=REDACTED" },
});

export const stock: SpanRecord = spanOf({
  id: "8080808080808080",
  parent: outbound.spanId,
  service: "inventory",
  kind: "server",
  name: "GET /stock",
  startMs: 14,
  attributes: { "http.request.method": "GET", "url.path": "/stock" },
});

export const insert: SpanRecord = spanOf({
  id: "9090909090909090",
  parent: handler.spanId,
  service: "shop",
  kind: "client",
  name: "pg.query:INSERT shop",
  startMs: 20,
  attributes: { "db.system": "postgresql", "db.statement": "INSERT INTO public.orders (id) VALUES ($1)" },
});

export const order: readonly SpanRecord[] = [
  click,
  browserPost,
  serverPost,
  handler,
  outbound,
  stock,
  insert,
];

/** The server's half of the order as a trace of its own, as it looks when `traceparent` was lost. */
export const serverHalf: readonly SpanRecord[] = [serverPost, handler, outbound, stock, insert].map(
  (span) => {
    const { parentSpanId, ...root } = span;
    const moved = span === serverPost || parentSpanId === undefined ? root : { ...root, parentSpanId };
    return { ...moved, traceId: OTHER_TRACE };
  },
);

export function documentOf(spans: readonly SpanRecord[]): TraceDocument {
  const traceId = spans[0]?.traceId ?? TRACE;
  return {
    summary: {
      traceId,
      name: "",
      rootService: "",
      services: [],
      startUnixMs: EPOCH_MS,
      durationMs: 0,
      spanCount: spans.length,
      errorCount: 0,
      problemCount: 0,
    },
    rows: [],
    spans: spans.map(spanToJson),
    findings: [],
    linkedFrom: [],
    logs: [],
  };
}

export const WINDOW = { startUnixMs: EPOCH_MS - 1, endUnixMs: EPOCH_MS + 3, fromOrder: 0, toOrder: 0 };

/** The POST on the wire, joined by the server, unless told otherwise. */
export function postEntry(changes: Partial<WireEntry> = {}): WireEntry {
  return {
    order: 0,
    method: "POST",
    url: `${PAGE}/api/orders`,
    resourceType: "fetch",
    pageOrigin: PAGE,
    traceparent: { traceId: TRACE, spanId: browserPost.spanId, sampled: true },
    serverTrace: { traceId: TRACE, spanId: serverPost.spanId, sampled: true },
    isCopy: false,
    status: 201,
    startUnixMs: EPOCH_MS + 5,
    state: "finished",
    ...changes,
  };
}

export function settledReport(changes: Partial<SettleReport> = {}): SettleReport {
  return {
    wirePosition: 1,
    busy: [],
    flushedPages: 1,
    unflushedPages: [],
    untracedPages: [],
    server: "flushed",
    elapsedMs: 3,
    ...changes,
  };
}

export function evidenceOf(changes: Partial<Evidence>): Evidence {
  return {
    trees: [],
    mainCount: changes.trees?.length ?? 0,
    nearby: [],
    wire: [postEntry()],
    barrier: changes.settled,
    settled: undefined,
    documents: [],
    collectorUrl: "http://collector.test",
    notes: [],
    ...changes,
  };
}
