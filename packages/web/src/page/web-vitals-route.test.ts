import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { PAGE_ROUTE } from "@throughline/core/attributes";
import { afterEach, expect, test, vi } from "vitest";
import { openFakePage } from "../../test/fake-page.ts";
import { hide, useSlowly } from "../../test/used-page.ts";
import type { TracedPage } from "../instrument.ts";
import { traceWebVitals } from "./web-vitals.ts";

afterEach(() => {
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

test("a vital says the route of the page it measured, also where the page has gone on", async () => {
  const views: TracedPage[] = [];
  const view = (route: string): void => {
    const [page] = views;
    const span = page?.tracer.startSpan(route, {}, ROOT_CONTEXT);
    if (span) page?.setPageContext(trace.setSpan(ROOT_CONTEXT, span));
    page?.setPageAttributes({ [PAGE_ROUTE]: route });
    span?.end();
  };
  const routes = (page: TracedPage) => {
    views.push(page);
    view("/cart");
    return { stop: () => undefined };
  };
  const opened = openFakePage({ instruments: [routes, traceWebVitals()] });
  await useSlowly();
  view("/paid");
  const told = (): readonly unknown[] => {
    hide();
    return opened
      .posted()
      .filter(({ name }) => /^(web vital (CLS|INP)|script)/.test(name))
      .map(({ attributes }) => attributes[PAGE_ROUTE]);
  };
  await expect.poll(() => told().length, { timeout: 5000 }).toBeGreaterThanOrEqual(2);
  expect(new Set(told())).toEqual(new Set(["/cart"]));
  await opened.close();
});
