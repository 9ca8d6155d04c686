import { expect, type Request, type Response, test } from "@playwright/test";
import type { SpanJson, TraceDocument, TraceList, TraceSummary } from "@throughline/core";

const collector = process.env.THROUGHLINE_COLLECTOR_URL ?? "";

/** The trace as the collector has it now; undefined while it has nothing of it. */
export async function readTrace(traceId: string): Promise<TraceDocument | undefined> {
  const response = await fetch(`${collector}/api/traces/${traceId}`);
  if (response.status === 404) return undefined;
  return (await response.json()) as TraceDocument;
}

/** Waits until the collector holds every one of these labels (`POST /api/orders · server · shop`) in the trace. */
export async function awaitTrace(
  traceId: string,
  labels: readonly string[],
  wait: { readonly timeout?: number } = {},
): Promise<TraceDocument> {
  let document: TraceDocument | undefined;
  await expect
    .poll(async () => {
      document = await readTrace(traceId);
      return document ? lines(document).map((line) => line.trim()) : [];
    }, wait)
    .toEqual(expect.arrayContaining([...labels]));
  if (!document) throw new Error(`trace ${traceId} is gone`);
  return document;
}

/** One line a span, depth first: `  POST /api/orders · client · shop-web`. */
export function lines(document: TraceDocument): readonly string[] {
  return document.rows.map((row) => `${"  ".repeat(row.depth)}${row.label} · ${row.kind} · ${row.service}`);
}

/** Prints the trace into the report of the test that runs. */
export function attachTrace(document: TraceDocument): Promise<void> {
  return test.info().attach("trace", { body: lines(document).join("\n") });
}

/** Traces that carry this text or service, newest first. */
export async function listTraces(query: Readonly<Record<string, string>>): Promise<readonly TraceSummary[]> {
  const response = await fetch(`${collector}/api/traces?${new URLSearchParams({ limit: "1000", ...query })}`);
  return ((await response.json()) as TraceList).traces;
}

/** Asks an app at its flush route: what has ended there is with the collector when this resolves. */
export async function flushAt(url: string): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "x-throughline-flush-token": process.env.THROUGHLINE_FLUSH_TOKEN ?? "" },
  });
  expect(response.status, "the flush").toBe(204);
}

/** The one span with this label and kind. */
export function spanOf(document: TraceDocument, label: string, kind: SpanJson["kind"]): SpanJson {
  const rows = document.rows.filter((row) => row.label === label && row.kind === kind);
  expect(rows, `${kind} spans named ${label}`).toHaveLength(1);
  const span = document.spans.find((candidate) => candidate.spanId === rows[0]?.spanId);
  if (!span) throw new Error(`span ${label} has a row but no record`);
  return span;
}

/** The trace and the SERVER span that a response names. */
export function servedBy(response: Response | null): { readonly traceId: string; readonly spanId: string } {
  const header = response?.headers()["server-timing"] ?? "";
  const [, traceId = "", spanId = ""] = /traceparent;desc="00-(\w{32})-(\w{16})-01"/.exec(header) ?? [];
  expect(header).toContain(spanId === "" ? "a sampled traceparent" : "traceparent");
  return { traceId, spanId };
}

/** The trace that a request says it is part of. */
export function traceIdOf(request: Request): string {
  const [, traceId = ""] = (request.headers().traceparent ?? "").split("-");
  expect(traceId).toHaveLength(32);
  return traceId;
}

/** The page load is a child of the span that served the document, and the document a child of the load. */
export async function expectJoinedLoad(served: {
  readonly traceId: string;
  readonly spanId: string;
}): Promise<void> {
  await expect
    .poll(async () => (await readTrace(served.traceId))?.spans.map((span) => span.name) ?? [], {
      timeout: 20_000,
    })
    .toEqual(expect.arrayContaining(["page load", "document"]));
  const spans: readonly SpanJson[] = (await readTrace(served.traceId))?.spans ?? [];
  const byName = (name: string) => spans.filter((span) => span.name === name);
  expect(spans.filter((span) => span.spanId === served.spanId).map(({ kind }) => kind)).toEqual(["server"]);
  expect(byName("page load").map((span) => span.parentSpanId)).toEqual([served.spanId]);
  expect(byName("document").map((span) => span.parentSpanId)).toEqual([byName("page load")[0]?.spanId]);
}

/** A trace context that a test starts itself, as a caller with its own SDK would. */
export function newTraceparent(): {
  readonly traceId: string;
  readonly spanId: string;
  readonly header: string;
} {
  const hex = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");
  const [traceId, spanId] = [hex(16), hex(8)];
  return { traceId, spanId, header: `00-${traceId}-${spanId}-01` };
}

/** The spans above one, the nearest first. */
export function ancestorsOf(span: SpanJson, spans: readonly SpanJson[]): readonly SpanJson[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent ? [parent, ...ancestorsOf(parent, spans)] : [];
}
