import { diag } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import { traceErrors } from "../error/uncaught-errors.ts";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import { withSpan } from "../with-span.ts";
import { startSoon } from "./start-soon.ts";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
});

/** Two instruments that write down what they do; the first says something of every span. */
function openPage() {
  const told: string[] = [];
  const named = (name: string) =>
    startSoon(({ describeSpans, tracer, setPageContext }: TracedPage) => {
      told.push(`${name} starts`);
      if (name === "first") describeSpans(() => ({ "test.described": true }));
      else {
        tracer.startSpan("the second's own").end();
        setPageContext(undefined);
      }
      return {
        stop: () => told.push(`${name} stops`),
        cut: (reason) => told.push(`${name} is cut by ${reason}`),
      };
    });
  page = openFakePage({ instruments: [named("first"), named("second"), traceErrors()] });
  return told;
}

test("they start in tasks of their own, in their order", async () => {
  const told = openPage();
  expect(told).toEqual([]);
  await vi.waitFor(() => expect(told).toEqual(["first starts", "second starts"]));
});

test("whatever is traced earlier waits for them, and they start once", async () => {
  const told = openPage();
  withSpan("early", () => undefined);
  expect(told).toEqual(["first starts", "second starts"]);
  const spans = await page?.spans();
  expect(spans?.map(({ name, attributes }) => [name, attributes["test.described"]])).toEqual([
    ["the second's own", true],
    ["early", true],
  ]);
  // A timer of the page runs after theirs.
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(told).toHaveLength(2);
});

test("so does a request", () => {
  const told = openPage();
  void fetch("/early");
  expect(told).toHaveLength(2);
});

test("so does an error that nobody caught", () => {
  const told = openPage();
  window.dispatchEvent(new ErrorEvent("error", { error: new Error("early") }));
  expect(told).toHaveLength(2);
});

test("a page that goes at once starts them and ends them", () => {
  const told = openPage();
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect(told).toEqual([
    "first starts",
    "second starts",
    "first is cut by pagehide",
    "second is cut by pagehide",
  ]);
});

test.each([
  ["at once", (instrument: WebInstrument) => instrument, true],
  ["when something is traced", startSoon, true],
  ["in a task of its own", startSoon, false],
])("one that throws as it starts %s costs neither the app nor the others", async (_, when, traces) => {
  const warned = vi.spyOn(diag, "warn");
  const others = vi.fn(() => ({ stop: () => undefined }));
  const fails = (): never => {
    throw new Error("no such element");
  };
  const uncaught = vi.fn();
  window.addEventListener("error", uncaught);
  page = openFakePage({ instruments: [when(fails), when(others)] });
  if (traces) expect(withSpan("early", () => 1)).toBe(1);
  else await vi.waitFor(() => expect(others).toHaveBeenCalled());
  window.removeEventListener("error", uncaught);
  expect(uncaught).not.toHaveBeenCalled();
  expect(others).toHaveBeenCalledTimes(1);
  expect(warned.mock.calls).toEqual([
    [expect.stringContaining("a part failed"), new Error("no such element")],
  ]);
  vi.restoreAllMocks();
});
