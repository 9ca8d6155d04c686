import { DiagLogLevel, diag, SpanKind } from "@opentelemetry/api";
import { AlwaysOffSampler, BasicTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, test, vi } from "vitest";
import { readBody } from "../../test/fake-page.ts";
import { createTransport, packSpans, type Transport } from "./transport.ts";

interface Timer {
  readonly run: () => void;
  readonly ms: number;
}

interface Post {
  readonly body: string;
  readonly keepalive: boolean | undefined;
  readonly answer: (response: Response | Error) => void;
}

function createNetwork() {
  const posts: Post[] = [];
  const timers = new Set<Timer>();
  const warnings: string[] = [];
  const silent = () => undefined;
  diag.setLogger(
    { error: silent, info: silent, debug: silent, verbose: silent, warn: (text) => warnings.push(text) },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const transport = createTransport({
    url: "http://collector.test/v1/traces",
    resource: { "service.name": "web" },
    fetch: (_input, init) =>
      new Promise((resolve, reject) => {
        posts.push({
          body: String(init?.body),
          keepalive: init?.keepalive,
          answer: (response) => (response instanceof Error ? reject(response) : resolve(response)),
        });
      }),
    later: (run, ms) => {
      const timer = { run, ms };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  });
  return {
    transport,
    posts,
    timers,
    warnings,
    runTimers() {
      for (const timer of [...timers]) {
        timers.delete(timer);
        timer.run();
      }
    },
  };
}

afterEach(() => {
  diag.disable();
});

function endSpans(transport: Transport, count: number, text = ""): void {
  const provider = new BasicTracerProvider({
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span: ReadableSpan) => transport.onEnd(span),
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    ],
  });
  for (let index = 0; index < count; index++) {
    provider
      .getTracer("test")
      .startSpan(`span ${index}`, { kind: SpanKind.INTERNAL, attributes: { text } })
      .end();
  }
}

const answer = (status: number, headers: Record<string, string> = {}) =>
  new Response("{}", { status, headers });

test("spans wait about a second for company, then go in one post", async () => {
  const { transport, posts, timers, runTimers } = createNetwork();
  endSpans(transport, 3);
  expect(posts).toEqual([]);
  expect([...timers].map(({ ms }) => ms)).toEqual([1000]);
  runTimers();
  expect(posts.map(({ body }) => readBody(body).map(({ name }) => name))).toEqual([
    ["span 0", "span 1", "span 2"],
  ]);
});

test("64 spans go at once", () => {
  const { transport, posts } = createNetwork();
  endSpans(transport, 64);
  expect(posts).toHaveLength(1);
});

/** Answers each post as it comes, until `done`. */
async function answerAll(posts: readonly Post[], done: Promise<void>): Promise<void> {
  let open = true;
  const finished = done.finally(() => {
    open = false;
  });
  for (let index = 0; open; ) {
    if (index < posts.length) posts[index++]?.answer(answer(200));
    // One round of everything that waits for an answer.
    else await new Promise((resolve) => setTimeout(resolve));
  }
  await finished;
}

test("posts are split by bytes, keep their order and lose nothing", async () => {
  const { transport, posts } = createNetwork();
  // Two bytes, three, and four in two characters.
  endSpans(transport, 60, "ä€🙂".repeat(500));
  await answerAll(posts, transport.flush());
  const sizes = posts.map(({ body }) => new TextEncoder().encode(body).length);
  expect(posts.length).toBeGreaterThan(4);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(48 * 1024);
  const names = posts.flatMap(({ body }) => readBody(body).map(({ name }) => name));
  expect(names).toEqual(Array.from({ length: 60 }, (_, index) => `span ${index}`));
});

test("keepalive is used while its budget lasts, then no longer", () => {
  const { transport, posts } = createNetwork();
  endSpans(transport, 60, "ä".repeat(2000));
  transport.hide();
  expect(posts.filter(({ keepalive }) => keepalive).length).toBeGreaterThan(0);
  const bytes = posts.filter(({ keepalive }) => keepalive).reduce((sum, { body }) => sum + body.length, 0);
  expect(bytes).toBeLessThanOrEqual(60 * 1024);
  expect(posts.at(-1)?.keepalive).toBe(false);
});

test("at the end of a page the newest spans have the keepalive budget, also those on their way", () => {
  const { transport, posts } = createNetwork();
  endSpans(transport, 64, "x".repeat(300));
  endSpans(transport, 10, "x".repeat(300));
  expect(posts.map(({ keepalive }) => keepalive)).toEqual([false]);
  transport.hide();
  transport.hide();
  expect(posts.map(({ keepalive }) => keepalive)).toEqual([false, true, true]);
  expect(posts.map(({ body }) => readBody(body).length)).toEqual([64, 10, 64]);
});

test("an endpoint that never answers is tried three times a page, then left in peace, and said once", async () => {
  const { transport, posts, timers, warnings, runTimers } = createNetwork();
  endSpans(transport, 1);
  const flush = transport.flush();
  for (const attempt of [1, 2, 3]) {
    await expect.poll(() => posts.length).toBe(attempt);
    posts.at(-1)?.answer(new TypeError("Failed to fetch"));
    if (attempt < 3) await expect.poll(() => timers.size).toBe(1);
    runTimers();
  }
  await flush;
  for (let more = 0; more < 5; more++) {
    endSpans(transport, 1);
    await transport.flush();
  }
  transport.hide();
  expect([posts.length, timers.size, warnings.length]).toEqual([3, 0, 1]);
});

test.each([
  ["from the start", 0],
  ["in the middle of a page", 1],
])("blocked %s, many posts at once and the page's end make three tries in all", async (_name, answered) => {
  const { transport, posts, timers, runTimers } = createNetwork();
  const text = "x".repeat(1000);
  if (answered) {
    endSpans(transport, 1);
    const flush = transport.flush();
    posts[0]?.answer(answer(200));
    await flush;
  }
  let failed = answered;
  const fail = async (): Promise<void> => {
    while (failed < posts.length) {
      posts[failed++]?.answer(new TypeError("Failed to fetch"));
      await new Promise((resolve) => setTimeout(resolve));
    }
  };
  endSpans(transport, 300, text);
  const flush = transport.flush();
  await fail();
  for (let round = 0; round < 5; round++) {
    endSpans(transport, 80, text);
    transport.hide();
    transport.hide();
    await fail();
    runTimers();
    await fail();
  }
  await flush;
  expect(posts.length - answered).toBe(3);
  expect(timers.size).toBe(0);
});

test("one post is on its way at a time, and what comes meanwhile goes together", async () => {
  const { transport, posts, runTimers } = createNetwork();
  endSpans(transport, 64);
  endSpans(transport, 200);
  runTimers();
  runTimers();
  expect(posts).toHaveLength(1);
  await answerAll(posts, transport.flush());
  const names = posts.flatMap(({ body }) => readBody(body).map(({ name }) => name));
  expect(names).toHaveLength(264);
  expect(posts.length).toBeLessThan(5);
});

test("an endpoint that has answered gets all of a page's last posts, however many are on their way", async () => {
  const { transport, posts } = createNetwork();
  endSpans(transport, 1);
  const flush = transport.flush();
  posts[0]?.answer(answer(200));
  await flush;
  for (let count = 0; count < 6; count++) {
    endSpans(transport, 1);
    transport.hide();
  }
  expect(posts.map(({ keepalive }) => keepalive)).toEqual(Array.from({ length: 7 }, () => true));
});

test("what waits for the second copy of a post alone goes once that is answered", async () => {
  const { transport, posts, timers, runTimers } = createNetwork();
  endSpans(transport, 64, "x".repeat(300));
  transport.hide();
  expect(posts.map(({ keepalive }) => keepalive)).toEqual([false, true]);
  posts[0]?.answer(answer(400));
  endSpans(transport, 1);
  const lost = transport.flush();
  for (const index of [2, 3]) {
    await expect.poll(() => posts.length).toBe(index + 1);
    posts[index]?.answer(new TypeError("Failed to fetch"));
    await expect.poll(() => timers.size).toBe(1);
    runTimers();
  }
  // Two tries failed and one is on its way: no fourth.
  endSpans(transport, 1, "next");
  const flush = transport.flush();
  await Promise.resolve();
  expect(posts).toHaveLength(4);
  posts[1]?.answer(answer(200));
  await expect.poll(() => posts.length).toBe(5);
  posts[4]?.answer(answer(200));
  await Promise.all([lost, flush]);
});

test("a post that fails is tried again before the younger ones go", async () => {
  const { transport, posts, timers, runTimers } = createNetwork();
  endSpans(transport, 150, "x".repeat(1000));
  const flush = transport.flush();
  posts[0]?.answer(new TypeError("Failed to fetch"));
  await expect.poll(() => timers.size).toBe(1);
  runTimers();
  await expect.poll(() => posts.length).toBe(2);
  await answerAll(posts, flush);
  expect(posts[1]?.body).toBe(posts[0]?.body);
  const names = posts.slice(1).flatMap(({ body }) => readBody(body).map(({ name }) => name));
  expect(names).toEqual(Array.from({ length: 150 }, (_, index) => `span ${index}`));
});

test("where the page's own requests use up the keepalive budget, its last spans go without", async () => {
  const { transport, posts } = createNetwork();
  endSpans(transport, 1);
  transport.hide();
  expect(posts.map(({ keepalive }) => keepalive)).toEqual([true]);
  // So Chromium refuses a request above the budget, and so looks a blocked one.
  posts[0]?.answer(new TypeError("Failed to fetch"));
  await expect.poll(() => posts.length).toBe(2);
  expect(posts[1]?.keepalive).toBe(false);
  expect(posts[1]?.body).toBe(posts[0]?.body);
});

test("spans that the endpoint refuses in a success are said, and not sent again", async () => {
  const { transport, posts, warnings } = createNetwork();
  endSpans(transport, 2);
  const flush = transport.flush();
  posts[0]?.answer(new Response('{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}'));
  await flush;
  expect(posts).toHaveLength(1);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("it answered {");
  expect(warnings[0]).toContain("too old");
});

test("a page in place of an answer, as one to log in, is said", async () => {
  const { transport, posts, warnings } = createNetwork();
  endSpans(transport, 1);
  const flush = transport.flush();
  posts[0]?.answer(new Response("\n<!doctype html><title>Log in</title>"));
  await flush;
  expect(posts).toHaveLength(1);
  expect(warnings).toEqual([expect.stringContaining("<title>Log in")]);
});

test("a partial success that refuses nothing is a success", async () => {
  const { transport, posts, warnings } = createNetwork();
  endSpans(transport, 1);
  const flush = transport.flush();
  posts[0]?.answer(new Response('{"partialSuccess":{"rejectedSpans":"0","errorMessage":""}}'));
  await flush;
  expect(warnings).toEqual([]);
});

test("100 exports in a row are delivered, each with keepalive", async () => {
  const { transport, posts } = createNetwork();
  for (let count = 0; count < 100; count++) {
    endSpans(transport, 1);
    const flush = transport.flush();
    posts.at(-1)?.answer(answer(200));
    await flush;
  }
  expect(posts.map(({ keepalive }) => keepalive)).toEqual(Array.from({ length: 100 }, () => true));
});

test("a post that is not sure to arrive is held, and forgotten once it has", async () => {
  const { transport, posts } = createNetwork();
  const held = new Set<string>();
  transport.holdBy((body) => {
    held.add(body);
    return () => held.delete(body);
  });
  endSpans(transport, 60, "x".repeat(3000));
  transport.hide();
  const names = (bodies: readonly string[]) => bodies.flatMap(readBody).map(({ name }) => name);
  const sure = names(posts.filter(({ keepalive }) => keepalive).map(({ body }) => body));
  expect(sure.length).toBeGreaterThan(0);
  expect(held.size).toBeGreaterThan(0);
  expect([...sure, ...names([...held])].sort()).toEqual(
    Array.from({ length: 60 }, (_, index) => `span ${index}`).sort(),
  );
  await answerAll(posts, transport.flush());
  expect(held.size).toBe(0);
});

test("what a page that has no network leaves is held, for nobody will hear that it failed", () => {
  const { transport, posts } = createNetwork();
  const held: string[] = [];
  transport.holdBy((body) => {
    held.push(body);
    return () => undefined;
  });
  const onLine = vi.spyOn(navigator, "onLine", "get").mockReturnValue(false);
  endSpans(transport, 1);
  transport.hide();
  onLine.mockRestore();
  expect(held).toEqual(posts.map(({ body }) => body));
  expect(held).toHaveLength(1);
});

test("what a browser breaks off while the page hides goes with the next sign that it does", () => {
  const { transport, posts } = createNetwork();
  const held: string[] = [];
  transport.holdBy((body) => {
    held.push(body);
    return undefined;
  });
  endSpans(transport, 60, "x".repeat(3000));
  // Stands for a script that ends midway, which nobody can catch.
  const measured = vi.spyOn(TextEncoder.prototype, "encode").mockImplementationOnce(() => {
    throw new Error("broken off");
  });
  expect(() => transport.hide()).toThrow("broken off");
  measured.mockRestore();
  transport.hide();
  const safe = posts.filter(({ keepalive }) => keepalive).map(({ body }) => body);
  const names = [...safe, ...held].flatMap(readBody).map(({ name }) => name);
  expect(new Set(names)).toEqual(new Set(Array.from({ length: 60 }, (_, index) => `span ${index}`)));
});

test("a post that was given up for want of an answer stays held; one that was refused does not", async () => {
  const { transport, posts, timers, runTimers } = createNetwork();
  const held: string[] = [];
  transport.holdBy((body) => {
    held.push(body);
    return undefined;
  });
  endSpans(transport, 1);
  const refused = transport.flush();
  posts[0]?.answer(answer(400));
  await refused;
  endSpans(transport, 1);
  const flush = transport.flush();
  for (const attempt of [1, 2, 3]) {
    await expect.poll(() => posts.length).toBe(attempt + 1);
    posts.at(-1)?.answer(answer(503));
    if (attempt < 3) await expect.poll(() => timers.size).toBe(1);
    runTimers();
  }
  await flush;
  expect(held).toEqual([posts[1]?.body]);
});

test("a span above the limit goes alone", () => {
  const small = { scope: "{}", json: "1" };
  const large = { scope: "{}", json: "2".repeat(500) };
  expect(packSpans([small, large, small, small], 200)).toEqual([[small], [large], [small, small]]);
});

test("each scope of a post is paid for", () => {
  const spans = ["a", "b", "c"].map((name) => ({ scope: `{"name":"${name.repeat(50)}"}`, json: "{}" }));
  expect(packSpans(spans, 250).map((batch) => batch.length)).toEqual([2, 1]);
});

test("flush resolves when the posts were answered, not before", async () => {
  const { transport, posts } = createNetwork();
  endSpans(transport, 1);
  let flushed = false;
  const flush = transport.flush().then(() => {
    flushed = true;
  });
  await Promise.resolve();
  expect(flushed).toBe(false);
  posts[0]?.answer(answer(200));
  await flush;
  expect(flushed).toBe(true);
});

test.each([429, 502, 503, 504])(
  "status %i is tried three times, then dropped and said once",
  async (status) => {
    const { transport, posts, timers, warnings, runTimers } = createNetwork();
    for (const round of [1, 2]) {
      endSpans(transport, 1);
      const flush = transport.flush();
      for (const attempt of [1, 2, 3]) {
        await expect.poll(() => posts.length).toBe((round - 1) * 3 + attempt);
        posts.at(-1)?.answer(answer(status));
        if (attempt < 3) await expect.poll(() => timers.size).toBe(1);
        runTimers();
      }
      await flush;
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`it answered ${status}`);
  },
);

test("Retry-After in seconds or as a date is obeyed, up to a minute", async () => {
  for (const [value, least, most] of [
    ["2", 2000, 2000],
    [new Date(Date.now() + 5000).toUTCString(), 3000, 5000],
    ["3600", 60_000, 60_000],
  ] as const) {
    const { transport, posts, timers } = createNetwork();
    endSpans(transport, 1);
    void transport.flush();
    posts[0]?.answer(answer(503, { "retry-after": value }));
    await expect.poll(() => timers.size).toBe(1);
    const [timer] = timers;
    expect(timer?.ms).toBeGreaterThanOrEqual(least);
    expect(timer?.ms).toBeLessThanOrEqual(most);
  }
});

test("a network error is tried again and delivered", async () => {
  const { transport, posts, timers, warnings, runTimers } = createNetwork();
  endSpans(transport, 1);
  const flush = transport.flush();
  posts[0]?.answer(new TypeError("Failed to fetch"));
  await expect.poll(() => timers.size).toBe(1);
  runTimers();
  await expect.poll(() => posts.length).toBe(2);
  posts[1]?.answer(answer(200));
  await flush;
  expect(posts[1]?.body).toBe(posts[0]?.body);
  expect(warnings).toEqual([]);
});

test("a refusal is final", async () => {
  const { transport, posts, timers, warnings } = createNetwork();
  endSpans(transport, 1);
  const flush = transport.flush();
  posts[0]?.answer(answer(400));
  await flush;
  expect([posts.length, timers.size, warnings.length]).toEqual([1, 0, 1]);
});

test("hiding tries at once what waits for another try", async () => {
  const { transport, posts, timers } = createNetwork();
  endSpans(transport, 1);
  void transport.flush();
  posts[0]?.answer(answer(503));
  await expect.poll(() => timers.size).toBe(1);
  transport.hide();
  await expect.poll(() => posts.length).toBe(2);
  expect(posts[1]?.keepalive).toBe(true);
});

test("an unsampled span goes nowhere", () => {
  const { transport, timers } = createNetwork();
  const provider = new BasicTracerProvider({ sampler: new AlwaysOffSampler() });
  const span = provider.getTracer("test").startSpan("no");
  transport.onEnd({ spanContext: () => span.spanContext() } as ReadableSpan);
  expect(timers.size).toBe(0);
});
