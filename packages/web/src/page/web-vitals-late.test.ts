import { afterEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import { hide, useSlowly } from "../../test/used-page.ts";
import { traceWebVitals } from "./web-vitals.ts";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

test("what happened before the library was there is measured all the same", async () => {
  await useSlowly();
  const opened = openFakePage({ instruments: [traceWebVitals()] });
  page = opened;
  const names = async () => (await opened.spans()).map(({ name }) => name);
  await expect.poll(names).toContain("web vital TTFB");
  // LCP is final at a key, a click or when the page hides; it asks for the browser's own event.
  await userEvent.keyboard("x");
  const told = () => {
    hide();
    return opened.posted().map(({ name, attributes }) => [name, attributes["throughline.web_vital.element"]]);
  };
  await expect.poll(told, { timeout: 5000 }).toHaveLength(5);
  expect(Object.fromEntries(told())).toEqual({
    "web vital CLS": "html>body",
    "web vital FCP": undefined,
    "web vital INP": "#buy",
    "web vital LCP": "html>body>p.text",
    "web vital TTFB": undefined,
  });
});
