import { expect, test } from "vitest";
import { spanNote } from "./span-note.ts";
import type { Attributes, SpanShape } from "./span-record.ts";

type Given = Partial<Pick<SpanShape<string>, "kind" | "status" | "events">>;

const note = (name: string, attributes: Attributes = {}, given: Given = {}): string | undefined =>
  spanNote({ name, kind: "internal", attributes, events: [], status: { code: "unset" }, ...given });

test.each([
  ["http://localhost/_next/static/chunks/32gc2jlry_nwv.js", "32gc2jlry_nwv.js"],
  ["http://localhost/_next/static/media/geist.woff2?v=REDACTED", "geist.woff2"],
  ["https://images.example.com/products/", "images.example.com/products/"],
])("the resource %s is told by %s", (address, file) => {
  expect(note("resource link", { "url.full": address })).toBe(file);
});

test("an address alone makes no file", () => {
  expect(note("document", { "url.full": "http://localhost/a.html" })).toBeUndefined();
  expect(note("resource img", { "url.full": "not an address" })).toBeUndefined();
});

test.each([
  ["lcp", 272.4, "good", "272 ms good"],
  ["lcp", 2608, "needs-improvement", "2.61 s needs improvement"],
  ["cls", 0.12345, "poor", "0.123 poor"],
  ["cls", 0, "good", "0 good"],
])("the web vital %s of %d, %s, reads: %s", (name, value, rating, expected) => {
  const attributes = {
    "browser.web_vital.name": name,
    "browser.web_vital.value": value,
    "browser.web_vital.rating": rating,
  };
  expect(note(`web vital ${name}`, attributes)).toBe(expected);
});

test("a span in error says why, else what was thrown, the first line of it", () => {
  const events = [
    { name: "exception", timeUnixNano: "1", attributes: { "exception.message": "boom\n  at x" } },
  ];
  expect(note("uncaught error", {}, { status: { code: "error", message: "no stock" }, events })).toBe(
    "no stock",
  );
  expect(note("uncaught error", {}, { status: { code: "error" }, events })).toBe("boom");
  expect(note("retried", {}, { events })).toBeUndefined();
});

test("a message of any length stays one short line", () => {
  const status = { code: "error", message: "E".repeat(1500) } as const;
  expect(note("GET /", {}, { status })).toHaveLength(200);
});

test("jobs are told by their kind, slow scripts by what called them, page loads by their route", () => {
  expect(note("publish emails", { "throughline.job.name": "receipt" })).toBe("receipt");
  expect(note("script user-callback", { "throughline.script.invoker": "BUTTON#buy.onclick" })).toBe(
    "BUTTON#buy.onclick",
  );
  expect(note("page load", { "throughline.page.route": "/orders/[id]" })).toBe("/orders/[id]");
  expect(note("click Buy", { "throughline.page.route": "/orders/[id]" })).toBeUndefined();
});
