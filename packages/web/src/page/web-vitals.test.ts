import { ROOT_CONTEXT } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage, type PostedSpan } from "../../test/fake-page.ts";
import { hide, painted, useSlowly } from "../../test/used-page.ts";
import type { WebInstrument } from "../instrument.ts";
import { traceWebVitals } from "./web-vitals.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

/** Stands for the instrument that opens the page's activity. */
const pageLoad: WebInstrument = ({ tracer, life, setPageContext }) => {
  setPageContext(
    life.begin(tracer.startSpan("page load", { startTime: performance.timeOrigin }, ROOT_CONTEXT)),
  );
  return { stop: () => undefined };
};

function vital(name: string): PostedSpan | undefined {
  return page.posted().find((span) => span.name === `web vital ${name}`);
}

function durationMs(span: PostedSpan | undefined): number {
  return Number(BigInt(span?.endTimeUnixNano ?? 0) - BigInt(span?.startTimeUnixNano ?? 0)) / 1e6;
}

function vitals(): readonly string[] {
  return page
    .posted()
    .map(({ name }) => name)
    .filter((name) => name.startsWith("web vital"))
    .sort();
}

// One test: a document is measured once, and what it measures cannot be taken off.
test("vitals are children of the page load and final when the page hides; a stop ends them", async () => {
  page = openFakePage({ instruments: [pageLoad, traceWebVitals({ longTasks: true })] });
  await useSlowly();
  const all = ["web vital CLS", "web vital FCP", "web vital INP", "web vital LCP", "web vital TTFB"];
  // A page may hide more than once.
  const hidden = () => {
    hide();
    return vitals();
  };
  await expect.poll(hidden, { timeout: 5000 }).toEqual(all);

  const load = page.posted().find(({ name }) => name === "page load");
  expect(load).toBeDefined();
  for (const name of all) {
    const span = page.posted().find((posted) => posted.name === name);
    expect(span).toMatchObject({ kind: 1, parentSpanId: load?.spanId, traceId: load?.traceId });
    expect(span?.attributes).toMatchObject({
      "browser.web_vital.name": name.slice(-4).trim().toLowerCase(),
      "browser.web_vital.navigation_type": "navigate",
      "browser.web_vital.rating": expect.stringMatching(/^(good|needs-improvement|poor)$/),
      "browser.web_vital.id": expect.stringMatching(/^v6-/),
    });
    expect(span?.attributes["browser.web_vital.delta"]).toBe(span?.attributes["browser.web_vital.value"]);
  }
  expect(vital("LCP")?.attributes["throughline.web_vital.element"]).toBe("html>body>p.text");
  expect(vital("CLS")?.attributes["throughline.web_vital.element"]).toBe("html>body");
  expect(vital("INP")?.attributes["throughline.web_vital.element"]).toBe("#buy");

  // The spans last as long as what they measure.
  for (const name of ["LCP", "FCP", "TTFB", "INP"]) {
    expect(durationMs(vital(name))).toBeCloseTo(
      Number(vital(name)?.attributes["browser.web_vital.value"]),
      0,
    );
  }
  expect(durationMs(vital("CLS"))).toBe(0);
  expect(vital("INP")?.attributes["browser.web_vital.value"]).toBeGreaterThanOrEqual(120);

  const task = page.posted().filter(({ name }) => name === "long task");
  expect(Math.max(...task.map(durationMs))).toBeGreaterThanOrEqual(120);
  expect(task.every(({ parentSpanId }) => parentSpanId === load?.spanId)).toBe(true);

  await page.close();
  vi.restoreAllMocks();
  page = openFakePage();
  document.body.insertAdjacentHTML("afterbegin", "<div style='height: 300px'></div>");
  await painted();
  hide();
  expect(await page.spans()).toEqual([]);
});
