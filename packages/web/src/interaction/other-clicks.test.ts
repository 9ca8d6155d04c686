import { afterEach, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, named, openFakePage, show } from "../../test/fake-page.ts";
import { withSpan } from "../with-span.ts";
import { traceInteractions } from "./interactions.ts";
import { traceOtherClicks } from "./other-clicks.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
  document.body.replaceChildren();
});

function open(): FakePage {
  return openFakePage({ instruments: [traceInteractions(), traceOtherClicks()] });
}

test.each([
  ["<div>Jane Doe</div>", "click div"],
  ['<div aria-label="Open order 7">Jane Doe</div>', "click Open order *"],
  ["<table><tr><td data-here>Jane Doe</td></tr></table>", "click td"],
  ['<div role="option">Jane Doe</div>', "click div"],
  ['<main data-here><img alt="Jane Doe"></main>', "click main"],
  ['<div data-trace-name="open card"><p data-here>Jane Doe</p></div>', "click open card"],
  ["<button>Buy</button>", "click Buy"],
  ['<div role="tab">Reviews</div>', "click Reviews"],
])("%s is one span, called %s, with its work below it", async (html, name) => {
  page = open();
  const element = show(html);
  element.style.minHeight = "20px";
  // As React listens: at the root.
  const leave = new AbortController();
  document.addEventListener("click", () => withSpan("work", () => undefined), { signal: leave.signal });
  await userEvent.click(element);
  leave.abort();
  const spans = await page.spans();
  expect(spans.map((span) => span.name).sort()).toEqual([name, "work"].sort());
  expect(named(spans, "work")?.parentSpanId).toBe(named(spans, name)?.spanId);
});

test("a click that starts nothing is not told, and never guessed to be a parent; the one on a control still is", async () => {
  page = open();
  const nothing = show("<p data-here>nothing</p><button>Buy</button>");
  await userEvent.click(nothing);
  await fetch("/alone");
  await userEvent.click(document.querySelector("button") as Element);
  await userEvent.click(nothing);
  await fetch("/after");
  const spans = await page.spans();
  const request = (path: string) =>
    spans.find(({ attributes }) => String(attributes["url.full"]).endsWith(path));
  expect(spans.map(({ name }) => name).sort()).toEqual(["GET", "GET", "click Buy"]);
  expect(request("/alone")?.parentSpanId).toBeUndefined();
  expect(request("/after")).toMatchObject({
    parentSpanId: named(spans, "click Buy")?.spanId,
    attributes: { "throughline.parent": "inferred" },
  });
});

test("what code clicks is no person's, and a stop ends it", async () => {
  page = open();
  const element = show("<div>x</div>");
  element.addEventListener("click", () => withSpan("work", () => undefined));
  element.click();
  await page.tracing.stop();
  await userEvent.click(element);
  expect((await page.spans()).map(({ name }) => name)).toEqual(["work"]);
});
