import { expect } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { memoryOf } from "../../../../scripts/process-facts.mjs";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";
import { durationMs, expectWellFormed } from "./span-checks.ts";

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
const WHOLE = 1024 * MIB;
/** What the kernel may hold of a response that the caller has not read yet, by far. */
const UNREAD = 64 * MIB;
/** An eighth of it: a collection of garbage may come late, and what was kept would be all of it. */
const MAX_GROWTH = 128 * MIB;
const SLOW_PART_MS = 2_000;

/** The SERVER span lasts as long as the answer does, and what streams through is not kept. */
export async function checkLongAnswers(
  { combination, serve }: BuiltApp,
  env: Readonly<Record<string, string>>,
) {
  await serve({ service: `server-app-${combination.name}-long`, env }, async (app) => {
    const url = (path: string): string => urlOf(path, app, combination);
    const late = newTraceparent();
    const headers = { traceparent: late.header };
    await (await fetch(url(`/slow?ms=${SLOW_PART_MS}`), { headers })).text();
    const big = newTraceparent();
    const read = await readAll(url(`/api/chunks?count=${WHOLE / CHUNK}&bytes=${CHUNK}`), big.header, app.pid);
    await flush(app, combination);
    await checkLeaving(app, url("/api/leaving?wait"));
    await checkLeavingStream(url("/api/leaving?stream"));

    const page = await serverSpanOf(late.traceId, "a page with a part of 2 s");
    expect.soft(durationMs(page), "the page with a part of 2 s").toBeGreaterThanOrEqual(SLOW_PART_MS);
    const stream = await serverSpanOf(big.traceId, "a stream of 1 GiB");
    expect.soft(read.bytes).toBe(WHOLE);
    expect.soft(read.growth / MIB, "MiB that the process grew by over 1 GiB").toBeLessThan(MAX_GROWTH / MIB);
    // Its clock and ours are one machine's.
    const endUnixMs = Number(BigInt(stream.endUnixNano) / 1_000_000n);
    expect.soft(endUnixMs, "the end of the stream's span").toBeGreaterThan(read.almostUnixMs);
  });
}

/** A handler that stops because its caller has gone has not failed, and no 500 was sent. */
async function checkLeaving(app: ServedApp, url: string): Promise<void> {
  const caller = newTraceparent();
  const leaving = new AbortController();
  const answer = fetch(url, { headers: { traceparent: caller.header }, signal: leaving.signal });
  await expect.poll(() => app.log.some((line) => line.includes("somebody waits"))).toBe(true);
  leaving.abort();
  await expect(answer).rejects.toThrow();
  const serverSpan = async () =>
    (await readTrace(caller.traceId))?.spans.find(({ kind }) => kind === "server");
  await expect.poll(serverSpan).toBeDefined();
  const span = await serverSpan();
  expect.soft(span?.attributes, "a caller that leaves").toMatchObject({ "throughline.aborted": true });
  expect.soft(span?.attributes).not.toHaveProperty(["http.response.status_code"]);
  expect.soft(span?.attributes).not.toHaveProperty(["error.type"]);
  expect.soft([span?.status.code, span?.events]).toEqual(["unset", []]);
  await expectTidied(caller.traceId, "by signal");
}

/** A stream that is left: what its `cancel` does belongs to its request. */
async function checkLeavingStream(url: string): Promise<void> {
  const caller = newTraceparent();
  const leaving = new AbortController();
  const headers = { traceparent: caller.header };
  const answer = await fetch(url, { headers, signal: leaving.signal });
  await answer.body?.getReader().read();
  leaving.abort();
  await expectTidied(caller.traceId, "by cancel");
}

/** Spans and calls of what the app does when its caller has gone are below its SERVER span. */
async function expectTidied(traceId: string, how: string): Promise<void> {
  const title = `tidy up ${how}`;
  const above = async (): Promise<unknown> => {
    const spans = (await readTrace(traceId))?.spans ?? [];
    const parentOf = (child: SpanJson | undefined) =>
      spans.find(({ spanId }) => spanId === child?.parentSpanId);
    const span = spans.find(({ name }) => name === title);
    const client = spans.find(({ kind }) => kind === "client");
    return [parentOf(span)?.kind, parentOf(client)?.name];
  };
  await expect.soft.poll(above, { message: `a caller that leaves, ${how}` }).toEqual(["server", title]);
}

interface Read {
  readonly bytes: number;
  /** From an eighth of the answer on, which is when all that it takes is in use. */
  readonly growth: number;
  /** When all but what the kernel may hold had come. */
  readonly almostUnixMs: number;
}

async function readAll(url: string, traceparent: string, pid: number): Promise<Read> {
  const response = await fetch(url, { headers: { traceparent } });
  let [bytes, first, most, almostUnixMs] = [0, 0, 0, 0];
  let measured = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > WHOLE - UNREAD) almostUnixMs ||= Date.now();
    if (bytes - measured < WHOLE / 64) continue;
    measured = bytes;
    const memory = memoryOf(pid);
    if (bytes > WHOLE / 8) first ||= memory;
    most = Math.max(most, memory);
  }
  return { bytes, growth: most - first, almostUnixMs };
}

async function serverSpanOf(traceId: string, title: string): Promise<SpanJson> {
  const spans = (await readTrace(traceId))?.spans ?? [];
  expectWellFormed(spans, { title, later: [] });
  const [server] = spans.filter(({ kind }) => kind === "server");
  if (!server) throw new Error(`there is no SERVER span of ${title}`);
  return server;
}
