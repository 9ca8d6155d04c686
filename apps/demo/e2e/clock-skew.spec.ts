import { expect, type Page, test } from "@playwright/test";
import type { TraceDocument, TraceRow } from "@throughline/core";
import { boxOf } from "./drawn-box.ts";
import { awaitTrace, traceIdOf } from "./trace-reading.ts";

const CALL = "POST /api/orders · client · shop-web";
const ANSWER = "POST /api/orders · server · shop";
/** Rows are rounded to microseconds. */
const CLOCK_STEP_MS = 0.01;
/** Longer than a busy machine keeps one process from running. */
const MAX_OVER_MS = 250;

for (const { how, off } of [
  { how: "ahead", off: 600_000 },
  { how: "behind", off: -600_000 },
]) {
  test(`a browser whose clock is ten minutes ${how}: the viewer shows the server's work inside the call, and the time as it was sent`, async ({
    page,
    context,
  }) => {
    const trace = await buyWithClock(page, off);
    const [call, answer] = [rowOf(trace, CALL), rowOf(trace, ANSWER)];
    expect(answer.offsetMs).toBeGreaterThanOrEqual(call.offsetMs);
    // A server that the system stops within its last write reads the clock late: then both begin together.
    const overMs = Math.max(0, answer.durationMs - call.durationMs);
    expect(overMs).toBeLessThan(MAX_OVER_MS);
    if (overMs > 0) expect(answer.offsetMs).toBeCloseTo(call.offsetMs);
    expect(endMs(answer)).toBeLessThanOrEqual(endMs(call) + overMs + CLOCK_STEP_MS);
    expect(trace.summary.durationMs).toBeLessThan(60_000);
    expect(Math.abs((call.clockShiftMs ?? 0) + off)).toBeLessThan(call.durationMs);
    expect(answer.clockShiftMs).toBeUndefined();
    // What was sent is what the API has.
    expect(Math.abs(startMs(trace, call) - startMs(trace, answer) - off)).toBeLessThan(call.durationMs);

    const viewer = await context.newPage();
    await viewer.goto(`${process.env.THROUGHLINE_COLLECTOR_URL}/trace/${trace.summary.traceId}`);
    await expect(viewer.getByText(new RegExp(`the clock of shop-web is [0-9.]+ s ${how}`))).toBeVisible();
    const [outer, inner] = [await barOf(viewer, call), await barOf(viewer, answer)];
    expect(inner.x).toBeGreaterThanOrEqual(outer.x);
    const over = (overMs * outer.width) / call.durationMs;
    expect(inner.x + inner.width).toBeLessThanOrEqual(outer.x + outer.width + over + 1);
    await expect(async () => {
      await viewer.locator(`[data-span="${call.spanId}"]`).first().click();
      await expect(viewer.getByText("Clock as sent")).toBeVisible({ timeout: 2000 });
    }).toPass({ timeout: 15_000 });
  });
}

/** One order from a page whose computer has the wrong time. */
async function buyWithClock(page: Page, off: number): Promise<TraceDocument> {
  await page.addInitScript((by) => {
    const { now } = Date;
    const { timeOrigin } = performance;
    Date.now = () => now() + by;
    Object.defineProperty(performance, "timeOrigin", { value: timeOrigin + by });
  }, off);
  await page.goto("/");
  const [request] = await Promise.all([
    page.waitForRequest("**/api/orders"),
    page.getByRole("button", { name: "Buy Cedar" }).click(),
  ]);
  return awaitTrace(traceIdOf(request), ["click Buy · internal · shop-web", CALL, ANSWER]);
}

function rowOf(trace: TraceDocument, text: string): TraceRow {
  const row = trace.rows.find(({ label, kind, service }) => `${label} · ${kind} · ${service}` === text);
  if (!row) throw new Error(`no row ${text}`);
  return row;
}

function endMs({ offsetMs, durationMs }: TraceRow): number {
  return offsetMs + durationMs;
}

function startMs(trace: TraceDocument, { spanId }: TraceRow): number {
  const span = trace.spans.find((one) => one.spanId === spanId);
  return Number(BigInt(span?.startUnixNano ?? 0) / 1000n) / 1000;
}

function barOf(viewer: Page, { spanId }: TraceRow) {
  return boxOf(viewer.locator(`#span-${spanId} .bar`), `the bar of span ${spanId}`);
}
