import { afterEach, expect, test } from "vitest";
import { type FakePage, openFakePage } from "../test/fake-page.ts";
import * as Throughline from "./script.ts";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
});

test("on a plain page what follows a native await is kept by a span's run and by bind, and withSpan there begins anew", async () => {
  page = openFakePage({}, undefined, Throughline.startWebTracing);
  await Throughline.withSpan("pay", async (span) => {
    const refresh = Throughline.bind(() => fetch("/basket"));
    await fetch("/card");
    await span.run(() => fetch("/orders"));
    await refresh();
    await Throughline.withSpan("alone", () => fetch("/late"));
  });
  const spans = await page.spans();
  const of = (name: string) => spans.find((span) => span.name === name);
  const parentOf = (path: string) =>
    spans.find(({ attributes }) => String(attributes["url.full"]).endsWith(path))?.parentSpanId;
  expect(["/card", "/orders", "/basket"].map(parentOf)).toEqual(Array(3).fill(of("pay")?.spanId));
  expect(parentOf("/late")).toBe(of("alone")?.spanId);
  expect(of("alone")?.parentSpanId).toBeUndefined();
});
