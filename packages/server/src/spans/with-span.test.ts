import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { DynamicServerError } from "next/dist/client/components/hooks-server-context.js";
import { BailoutToCSRError } from "next/dist/shared/lib/lazy-dynamic/bailout-to-csr.js";
import { forbidden, notFound, permanentRedirect, redirect, unauthorized } from "next/navigation.js";
import { expect, test, vi } from "vitest";
import { recordSpans } from "../../test/record-spans.ts";
import { withSpan } from "./with-span.ts";

const exporter = recordSpans();

test("a synchronous function gives back its value, and its span is over", () => {
  expect(withSpan("add", { attributes: { a: 1 } }, (span) => (span.isRecording() ? 3 : 0))).toBe(3);
  expect(exporter.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes }))).toEqual([
    { name: "add", attributes: { a: 1 } },
  ]);
});

test("an asynchronous span ends when its promise settles and is the parent after an await", async () => {
  await withSpan("outer", async () => {
    await Promise.resolve();
    expect(exporter.getFinishedSpans()).toHaveLength(0);
    withSpan("inner", () => undefined);
  });
  const [inner, outer] = exporter.getFinishedSpans();
  expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
});

test("the very error of the function comes out, recorded", async () => {
  const error = new Error("sold out");
  expect(() =>
    withSpan("sync", () => {
      throw error;
    }),
  ).toThrow(error);
  await expect(withSpan("async", () => Promise.reject(error))).rejects.toBe(error);
  for (const span of exporter.getFinishedSpans()) {
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "sold out" });
    expect(span.events.map((event) => event.name)).toEqual(["exception"]);
    expect(span.attributes).toEqual({ "error.type": "Error" });
  }
  expect(exporter.getFinishedSpans()).toHaveLength(2);
});

// forbidden() and unauthorized() ask for it.
vi.stubEnv("__NEXT_EXPERIMENTAL_AUTH_INTERRUPTS", "true");

/** What Next.js itself throws, so that a renamed digest is noticed. */
async function thrownByNext(steer: () => unknown): Promise<unknown> {
  try {
    await steer();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test.each([
  ["redirect", () => redirect("/done")],
  ["redirect", () => permanentRedirect("/done")],
  ["notFound", () => notFound()],
  ["forbidden", () => forbidden()],
  ["unauthorized", () => unauthorized()],
  ["dynamic", () => Promise.reject(new DynamicServerError("cookies"))],
  ["dynamic", () => Promise.reject(new BailoutToCSRError("useSearchParams"))],
])("%s steers Next.js and is no error", async (flow, steer) => {
  const thrown = await thrownByNext(steer);
  await expect(withSpan("act", () => Promise.reject(thrown))).rejects.toBe(thrown);
  expect(() =>
    withSpan("act", () => {
      throw thrown;
    }),
  ).toThrow(thrown as Error);
  for (const span of exporter.getFinishedSpans()) {
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.events).toEqual([]);
    expect(span.attributes).toEqual({ "next.control_flow": flow });
  }
  expect(exporter.getFinishedSpans()).toHaveLength(2);
});

test("a call without a function says what to write instead", () => {
  expect(() => withSpan("nothing", {} as never)).toThrow(/withSpan\("nothing"\).*withSpan\(name, fn\)/);
});

test("kind, links and a root of its own are as asked", () => {
  const other = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", traceFlags: 1 };
  withSpan("outer", () => {
    withSpan("inner", { kind: SpanKind.CLIENT, root: true, links: [{ context: other }] }, () => undefined);
  });
  const [inner, outer] = exporter.getFinishedSpans();
  expect(inner?.kind).toBe(SpanKind.CLIENT);
  expect(inner?.links.map((link) => link.context)).toEqual([other]);
  expect(inner?.parentSpanContext).toBeUndefined();
  expect(inner?.spanContext().traceId).not.toBe(outer?.spanContext().traceId);
});

test("attributes are what OpenTelemetry can carry, by their type", () => {
  withSpan(
    "typed",
    { attributes: { a: "x", b: 1, c: true, d: ["x"] as const, e: undefined } },
    () => undefined,
  );
  // @ts-expect-error a date is no attribute value
  withSpan("typed", { attributes: { when: new Date() } }, () => undefined);
  // @ts-expect-error nor is an object
  withSpan("typed", { attributes: { order: { id: 1 } } }, () => undefined);
  expect(exporter.getFinishedSpans()[0]?.attributes).toEqual({ a: "x", b: 1, c: true, d: ["x"] });
});

const activeSpanId = () => trace.getActiveSpan()?.spanContext().spanId;

test("a list that can be walked is a value like any other", () => {
  const list = [1, 2];
  expect(withSpan("list", () => list)).toBe(list);
  expect(exporter.getFinishedSpans()).toHaveLength(1);
});

test("what cannot even be made text is thrown on unchanged", () => {
  const thrown = Object.create(null);
  let caught: unknown;
  try {
    withSpan("odd", () => {
      throw thrown;
    });
  } catch (error) {
    caught = error;
  }
  expect(caught).toBe(thrown);
  expect(exporter.getFinishedSpans()[0]?.status.code).toBe(SpanStatusCode.ERROR);
});

/** As Next.js compiles a function with `use cache`. */
function cached(run: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  return Object.defineProperties(run, {
    $$typeof: { value: Symbol.for("react.server.reference") },
    $$id: { value: `80${"0".repeat(40)}` },
  });
}

test("a cached function runs in a span and is not handed it; the mistake is told once, with its place", () => {
  const told = vi.spyOn(console, "error").mockReturnValue();
  const calls: unknown[][] = [];
  const products = cached(function products(...args) {
    calls.push(args);
    return activeSpanId();
  });
  const inside = [withSpan("load", products), withSpan("load", {}, products)];
  expect(inside).toEqual(exporter.getFinishedSpans().map((span) => span.spanContext().spanId));
  expect(calls).toEqual([[], []]);
  expect(told).toHaveBeenCalledTimes(1);
  const [error] = told.mock.calls[0] ?? [];
  expect(String(error)).toContain('write withSpan("load", () => products())');
  expect((error as Error).stack).toContain("with-span.test.ts");
  told.mockRestore();
});
