import { SpanStatusCode, trace } from "@opentelemetry/api";
import { expect, test, vi } from "vitest";
import { recordSpans } from "../../test/record-spans.ts";
import { withSpan } from "./with-span.ts";

const exporter = recordSpans();

const activeSpanId = () => trace.getActiveSpan()?.spanContext().spanId;

class Request extends Promise<string> {
  json(): Promise<unknown> {
    return this.then(JSON.parse);
  }
}

/** As `ky` and others hand it back: a promise of the language with methods written on it. */
function withMethods(promise: Promise<string>): Promise<string> & { json(): Promise<unknown> } {
  return Object.assign(promise, { json: async () => JSON.parse(await promise) });
}

test.each([
  ["of a class of its own", () => new Request((resolve) => setImmediate(resolve, "[1]"))],
  ["with methods of its own", () => withMethods(new Promise((resolve) => setImmediate(resolve, "[1]")))],
])("a promise %s is handed back itself, and its span ends when it settles", async (_, ask) => {
  const request = ask();
  const handed = withSpan("get", () => request);
  expect(handed).toBe(request);
  expect(exporter.getFinishedSpans()).toHaveLength(0);
  expect(await handed.json()).toEqual([1]);
  expect(exporter.getFinishedSpans()).toHaveLength(1);
});

test("a failure of such a promise is recorded, and comes to whoever asks", async () => {
  const error = new Error("sold out");
  await expect(withSpan("get", () => withMethods(Promise.reject(error)))).rejects.toBe(error);
  expect(exporter.getFinishedSpans()[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: "sold out" });
});

/** A query as the builders of databases make it: it starts each time it is asked for its result. */
class Query {
  readonly starts: unknown[] = [];
  readonly #answer: () => Promise<number>;
  constructor(answer: () => Promise<number> = () => Promise.resolve(3)) {
    this.#answer = answer;
  }
  // biome-ignore lint/suspicious/noThenProperty: the shape of a query builder
  then<A, B>(
    done?: ((value: number) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(done, failed) as Promise<A | B>;
  }
  catch<B>(failed: (error: unknown) => B): Promise<number | B> {
    return this.#start().catch(failed);
  }
  finally(over: () => void): Promise<number> {
    return this.#start().finally(over);
  }
  #start(): Promise<number> {
    this.starts.push(activeSpanId());
    return this.#answer();
  }
}

const ids = () => exporter.getFinishedSpans().map((span) => span.spanContext().spanId);

test("a query is handed back itself, starts inside the span when it is asked, once, and is then as it was", async () => {
  const query = new Query();
  const handed = withSpan("query", () => query);
  expect(handed).toBe(query);
  expect(query.starts).toEqual([]);
  expect(await handed).toBe(3);
  expect(query.starts).toEqual(ids());
  expect(ids()).toHaveLength(1);
  expect(Reflect.ownKeys(query)).toEqual(["starts"]);
});

test("a query that is asked by catch or finally starts once, and ends its span when it settles", async () => {
  const error = new Error("deadlock");
  const failing = new Query(() => Promise.reject(error));
  expect(await withSpan("query", () => failing).catch((caught) => caught)).toBe(error);
  const query = new Query();
  const told: string[] = [];
  expect(await withSpan("query", () => query).finally(() => void told.push("over"))).toBe(3);
  expect(told).toEqual(["over"]);
  expect([...failing.starts, ...query.starts]).toEqual(ids());
  expect(exporter.getFinishedSpans().map(({ status }) => status.code)).toEqual([
    SpanStatusCode.ERROR,
    SpanStatusCode.UNSET,
  ]);
});

test("a query that nobody asks in this turn is not started, and its span ends", async () => {
  const query = new Query();
  const handed = withSpan("query", () => query);
  await vi.waitFor(() => expect(ids()).toHaveLength(1));
  expect([query.starts, ids().length]).toEqual([[], 1]);
  expect(await handed).toBe(3);
  expect(query.starts).toEqual(ids());
});

test("what a query's then is given runs where it was given", async () => {
  const query = new Query();
  const seen: unknown[] = [];
  await withSpan("outer", async () => {
    seen.push(activeSpanId());
    await withSpan("query", () => query).then(() => void seen.push(activeSpanId()));
  });
  expect(seen[1]).toBe(seen[0]);
});

test("a query inside two spans starts once, inside the inner one", async () => {
  const query = new Query();
  expect(await withSpan("outer", () => withSpan("inner", () => query))).toBe(3);
  const [inner, outer] = exporter.getFinishedSpans();
  expect(query.starts).toEqual([inner?.spanContext().spanId]);
  expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
  expect(Reflect.ownKeys(query)).toEqual(["starts"]);
});

test("a query that cannot be changed is asked at once, and its result is handed back", async () => {
  const query = Object.freeze(new Query());
  const handed = withSpan("query", () => query);
  expect(query.starts).toHaveLength(1);
  expect(await handed).toBe(3);
  expect(query.starts).toEqual(ids());
});
