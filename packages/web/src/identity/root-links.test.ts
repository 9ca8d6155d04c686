import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, named, openFakePage, show } from "../../test/fake-page.ts";
import { withSpan } from "../with-span.ts";
import { traceSession } from "./session.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
  document.body.replaceChildren();
});

function open(): void {
  page = openFakePage({ instruments: [traceSession()] });
}

async function linksOf(name: string): Promise<readonly string[] | undefined> {
  const spans = await page.spans();
  const nameOf = (id: string) => spans.find(({ spanId }) => spanId === id)?.name ?? id;
  return named(spans, name)?.links?.map(({ spanId }) => nameOf(spanId));
}

const work = (name: string): void => withSpan(name, () => withSpan(`below ${name}`, () => undefined));

test("each root is linked to the root before it, and what is below a root to nothing", async () => {
  open();
  for (const name of ["one", "two", "three"]) work(name);
  expect(await linksOf("one")).toBeUndefined();
  expect(await linksOf("two")).toEqual(["one"]);
  expect(await linksOf("three")).toEqual(["two"]);
  expect(await linksOf("below three")).toBeUndefined();
});

test("a click that starts nothing is passed over, for it is never sent", async () => {
  open();
  work("one");
  await userEvent.click(show("<button>Idle</button>"));
  work("two");
  expect(await linksOf("two")).toEqual(["one"]);
});

test("work that comes late does not move its trace to the end again", async () => {
  open();
  const tracer = trace.getTracer("test");
  const early = tracer.startSpan("early", {}, ROOT_CONTEXT);
  const context = trace.setSpan(ROOT_CONTEXT, early);
  tracer.startSpan("at once", {}, context).end();
  work("next");
  tracer.startSpan("late", {}, context).end();
  work("last");
  early.end();
  expect(await linksOf("last")).toEqual(["next"]);
});
