import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import http, { type ClientRequest, type IncomingMessage, type RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AlwaysOnSampler } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  nothing,
  serve,
  type TestServer,
  type TracedCalls,
  timesSent,
  traceCalls,
  traceparentOf,
} from "../../test-data/traced-calls.ts";
import { withoutTracing } from "../spans/without-tracing.ts";
import type { FetchTracing } from "./call-options.ts";

const CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: 0,
};

let calls: TracedCalls;
let server: TestServer;

const answer: RequestListener = (request, response) => {
  const path = request.url ?? "/";
  if (path === "/never") return;
  if (path === "/moved") {
    response.writeHead(302, { location: "/here" }).end();
    return;
  }
  if (path === "/reset") {
    request.socket.destroy();
    return;
  }
  if (path === "/cut" || path === "/slow") {
    response.writeHead(200, { "content-length": "100" }).write("half");
    if (path === "/cut") setImmediate(() => request.socket.destroy());
    return;
  }
  const status = Number(/^\/status\/(\d+)/.exec(path)?.[1] ?? 200);
  request.resume().on("end", () => response.writeHead(status).end(status === 204 ? undefined : "answer"));
};

beforeEach(async () => {
  server = await serve(answer);
});
afterEach(async () => {
  await calls.stop();
  await server.stop();
});

interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

type Way = (ask: Ask) => Promise<number>;

const ways: Record<string, Way> = {
  fetch: async ({ path = "/", ...init }) => {
    const response = await fetch(server.origin + path, init);
    await response.text();
    return response.status;
  },
  "undici, the package": async ({ path = "/", method = "GET", ...init }) => {
    const { request } = await import("undici");
    const response = await request(server.origin + path, { method: method as "GET", ...init });
    await response.body.text();
    return response.statusCode;
  },
  "http.request": async ({ path = "/", method = "GET", headers = {}, body, signal }) => {
    const request = http.request(server.origin + path, { method, headers, ...(signal && { signal }) });
    request.end(body);
    return readAnswer(request);
  },
};

test("a connection that undici upgrades is one CLIENT span with its 101", async () => {
  calls = traceCalls();
  server.server.on("upgrade", (_request, socket) => {
    socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n");
  });
  const { upgrade } = await import("undici");
  await calls.inSpan(async () => {
    const { socket } = await upgrade(server.origin, { protocol: "chat" });
    socket.destroy();
  });
  const [client, , ...others] = await calls.ended(2);
  expect(others).toEqual([]);
  expect([client?.kind, client?.attributes["http.response.status_code"]]).toEqual([SpanKind.CLIENT, 101]);
});

/** Calls back once the head of an answer is there and the caller has seen it. */
function whenAnswerBegins(run: () => void): () => void {
  const channels = ["undici:request:headers", "http.client.response.finish"];
  const soon = (): void => void setImmediate(run);
  for (const name of channels) subscribe(name, soon);
  return () => {
    for (const name of channels) unsubscribe(name, soon);
  };
}

async function readAnswer(request: ClientRequest): Promise<number> {
  const [response] = (await once(request, "response")) as [IncomingMessage];
  await text(response);
  return response.statusCode ?? 0;
}

describe.each(Object.entries(ways))("%s", (_, way) => {
  test("makes one CLIENT span below the caller's, whose id the header carries", async () => {
    calls = traceCalls();
    await calls.inSpan(() => way({ path: "/a?b=c", method: "POST", body: "hello" }));
    const [client, caller, ...others] = await calls.ended(2);
    expect(others).toEqual([]);
    expect(client?.name).toBe("POST");
    expect(client?.kind).toBe(SpanKind.CLIENT);
    expect(client?.parentSpanContext?.spanId).toBe(caller?.spanContext().spanId);
    expect(client?.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(client?.attributes).toEqual({
      "http.request.method": "POST",
      "url.full": `${server.origin}/a?b=c`,
      "server.address": "127.0.0.1",
      "server.port": server.port,
      "http.response.status_code": 200,
      "network.peer.address": "127.0.0.1",
      "network.peer.port": server.port,
      "network.protocol.version": "1.1",
    });
    expect(server.requests[0]?.headers.traceparent).toBe(traceparentOf(client));
  });

  test("is a root where nothing is active", async () => {
    calls = traceCalls();
    await way({});
    const [client] = await calls.ended(1);
    expect(client?.parentSpanContext).toBeUndefined();
    expect(server.requests[0]?.headers.traceparent).toBe(traceparentOf(client));
  });

  test.each([404, 500])("is failed at %i", async (status) => {
    calls = traceCalls();
    await way({ path: `/status/${status}` });
    const [client] = await calls.ended(1);
    expect(client?.status.code).toBe(SpanStatusCode.ERROR);
    expect(client?.attributes["error.type"]).toBe(String(status));
    expect(client?.attributes["http.response.status_code"]).toBe(status);
  });

  test("ends where the answer has no body", async () => {
    calls = traceCalls();
    await way({ path: "/status/204" });
    await way({ method: "HEAD" });
    expect((await calls.ended(2)).map((span) => span.name)).toEqual(["GET", "HEAD"]);
  });

  test("leaves the caller's own traceparent alone", async () => {
    calls = traceCalls();
    await calls.inSpan(() => way({ headers: { Traceparent: CALLER, "x-other": "kept" } }));
    await calls.ended(2);
    expect(server.requests[0]?.headers.traceparent).toBe(CALLER);
    expect(server.requests[0]?.headers.tracestate).toBeUndefined();
    expect(server.requests[0]?.headers["x-other"]).toBe("kept");
    expect(timesSent(server.requests[0], "traceparent")).toBe(1);
  });

  test("a traceparent that is handed on as it came is replaced", async () => {
    calls = traceCalls({}, undefined, { callerHeader: () => CALLER });
    await calls.inSpan(() => way({ headers: { "x-other": "kept", Traceparent: CALLER, "x-last": "too" } }));
    const [client] = await calls.ended(2);
    expect(server.requests[0]?.headers).toMatchObject({
      traceparent: traceparentOf(client),
      "x-other": "kept",
      "x-last": "too",
    });
    expect(timesSent(server.requests[0], "traceparent")).toBe(1);
  });

  test("sends the parent's ids with flags 00 and makes no span where the trace is not kept", async () => {
    calls = traceCalls();
    const parent = trace.setSpanContext(ROOT_CONTEXT, UNSAMPLED);
    await context.with(parent, () => way({}));
    expect(server.requests[0]?.headers.traceparent).toBe(
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    );
    expect(calls.spans()).toEqual([]);
  });

  test("sends flags 00 where the sampler keeps no new trace", async () => {
    calls = traceCalls({}, nothing());
    await way({});
    expect(server.requests[0]?.headers.traceparent).toMatch(/^00-\w{32}-\w{16}-00$/);
    expect(calls.spans()).toEqual([]);
  });

  test("asks a sampler that does not follow its parent", async () => {
    calls = traceCalls({ followsParent: false }, new AlwaysOnSampler());
    await context.with(trace.setSpanContext(ROOT_CONTEXT, UNSAMPLED), () => way({}));
    const [client] = await calls.ended(1);
    expect(server.requests[0]?.headers.traceparent).toBe(traceparentOf(client));
  });

  test("the caller's abort before an answer is no failure", async () => {
    calls = traceCalls();
    const abort = new AbortController();
    server.server.once("request", () => abort.abort());
    await expect(way({ path: "/never", signal: abort.signal })).rejects.toThrow();
    const [client] = await calls.ended(1);
    expect(client?.status.code).toBe(SpanStatusCode.UNSET);
    expect(client?.attributes["throughline.aborted"]).toBe(true);
    expect(client?.attributes["error.type"]).toBeUndefined();
    expect(client?.events).toEqual([]);
  });

  test("the caller's abort within the body is no failure, whatever reason it gives", async () => {
    calls = traceCalls();
    for (const reason of [undefined, new Error("the visitor left"), "left"]) {
      const abort = new AbortController();
      const undo = whenAnswerBegins(() => abort.abort(reason));
      await expect(way({ path: "/slow", signal: abort.signal })).rejects.toBeDefined();
      undo();
    }
    for (const client of await calls.ended(3)) {
      expect(client.attributes["http.response.status_code"]).toBe(200);
      expect(client.status.code).toBe(SpanStatusCode.UNSET);
      expect(client.attributes["throughline.aborted"]).toBe(true);
    }
  });

  test.each(["/never", "/slow"])("AbortSignal.timeout on %s is a failure of type timeout", async (path) => {
    // There the package sends through Node's own undici, which wraps what would tell.
    if (process.versions.node > "26" && path === "/slow" && way === ways["undici, the package"]) return;
    calls = traceCalls();
    await expect(way({ path, signal: AbortSignal.timeout(40) })).rejects.toBeDefined();
    const [client] = await calls.ended(1);
    expect(client?.status).toEqual({ code: SpanStatusCode.ERROR, message: "timeout" });
    expect(client?.attributes["error.type"]).toBe("timeout");
    expect(client?.attributes["throughline.aborted"]).toBeUndefined();
  });

  test.each(["/reset", "/cut"])("a connection that breaks on %s is a failure with its type", async (path) => {
    calls = traceCalls();
    await expect(way({ path })).rejects.toBeDefined();
    const [client] = await calls.ended(1);
    expect(client?.status.code).toBe(SpanStatusCode.ERROR);
    expect(client?.attributes["error.type"]).toMatch(/^(ECONNRESET|UND_ERR_SOCKET)$/);
    expect(client?.events.map(({ name }) => name)).toEqual(["exception"]);
  });

  test("a port where nobody listens is a failure with its type", async () => {
    calls = traceCalls();
    const { origin } = server;
    await server.stop();
    await expect(way({})).rejects.toBeDefined();
    const [client] = await calls.ended(1);
    expect(client?.attributes["error.type"]).toBe("ECONNREFUSED");
    expect(client?.attributes["url.full"]).toBe(`${origin}/`);
    server = await serve(answer);
  });

  test("many at once on kept connections keep their parents and their ids apart", async () => {
    calls = traceCalls();
    for (let round = 0; round < 3; round++)
      await Promise.all(
        Array.from({ length: 20 }, (_unused, index) => calls.inSpan(() => way({ path: `/${index}` }))),
      );
    const spans = await calls.ended(120);
    const clients = spans.filter(({ kind }) => kind === SpanKind.CLIENT);
    expect(new Set(clients.map((span) => span.spanContext().traceId)).size).toBe(60);
    expect(server.requests.map(({ headers }) => headers.traceparent).sort()).toEqual(
      clients.map(traceparentOf).sort(),
    );
  });

  test("baggage goes to listed origins alone", async () => {
    const baggage = propagation.setBaggage(
      ROOT_CONTEXT,
      propagation.createBaggage({ tenant: { value: "acme" } }),
    );
    calls = traceCalls({ propagateTo: [server.origin] });
    await context.with(baggage, () => way({}));
    await calls.stop();
    calls = traceCalls();
    await context.with(baggage, () => way({}));
    expect(server.requests.map(({ headers }) => headers.baggage)).toEqual(["tenant=acme", undefined]);
    expect(server.requests[1]?.headers.traceparent).toBeDefined();
  });

  test("an origin that is not listed gets a span and no header", async () => {
    calls = traceCalls({ propagateTo: ["https://api.example.com", "http://127.0.0.1"] });
    await way({});
    await calls.ended(1);
    expect(server.requests[0]?.headers.traceparent).toBeUndefined();
  });

  test("ignored URLs get neither span nor header", async () => {
    calls = traceCalls({ ignoreUrls: [{ origin: server.origin, path: "/hit" }] });
    await way({ path: "/hit/1" });
    await way({ path: "/hits" });
    await calls.ended(1);
    expect(server.requests.map(({ headers }) => headers.traceparent !== undefined)).toEqual([false, true]);
  });

  test("stop leaves requests as they were", async () => {
    calls = traceCalls();
    await calls.stop();
    await way({});
    expect(server.requests[0]?.headers.traceparent).toBeUndefined();
    expect(calls.spans()).toEqual([]);
  });
});

test("a fetch lasts until the last byte of its answer; a body that is cancelled is given up", async () => {
  calls = traceCalls();
  let finish: (() => void) | undefined;
  const slow = await serve((_, response) => {
    response.write("first");
    finish = () => response.end("last");
  });
  const answer = await fetch(slow.origin);
  const reader = answer.body?.getReader();
  await reader?.read();
  expect(calls.spans()).toEqual([]);
  finish?.();
  while (!(await reader?.read())?.done);
  const [whole] = await calls.ended(1);
  expect(whole?.attributes["throughline.aborted"]).toBeUndefined();

  await (await fetch(slow.origin)).body?.cancel();
  const [, cancelled] = await calls.ended(2);
  expect(cancelled?.status.code).toBe(SpanStatusCode.UNSET);
  expect(cancelled?.attributes["throughline.aborted"]).toBe(true);
  await slow.stop();
});

test("each hop of a redirect is a span with its own header", async () => {
  calls = traceCalls();
  await calls.inSpan(async () => (await fetch(`${server.origin}/moved`)).text());
  const [first, second, ...others] = await calls.ended(3);
  expect(others).toHaveLength(1);
  expect([first?.attributes["http.response.status_code"], second?.attributes["url.full"]]).toEqual([
    302,
    `${server.origin}/here`,
  ]);
  expect(server.requests.map(({ headers }) => headers.traceparent)).toEqual(
    [first, second].map(traceparentOf),
  );
});

describe("one fetch", () => {
  test("asks for no span and no header, for no header, for a name and attributes", async () => {
    calls = traceCalls();
    const ask = async (path: string, opentelemetry: FetchTracing) =>
      (await fetch(server.origin + path, { opentelemetry, headers: { "x-other": "kept" } })).text();
    await calls.inSpan(async () => {
      await ask("/ignored", { ignore: true });
      await ask("/unlinked", { propagateContext: false });
      await ask("/named", { spanName: "look up stock", attributes: { sku: "brass-ruler" } });
      await (await fetch(`${server.origin}/after`)).text();
    });
    const spans = await calls.ended(4);
    expect(spans.map(({ name, attributes }) => [name, attributes["url.full"], attributes.sku])).toEqual([
      ["GET", `${server.origin}/unlinked`, undefined],
      ["look up stock", `${server.origin}/named`, "brass-ruler"],
      ["GET", `${server.origin}/after`, undefined],
      ["caller", undefined, undefined],
    ]);
    expect(server.requests.map(({ headers }) => headers.traceparent !== undefined)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(server.requests.map(({ headers }) => headers["x-other"])).toEqual([
      "kept",
      "kept",
      "kept",
      undefined,
    ]);
  });

  test("given as a Request with an init is the same", async () => {
    calls = traceCalls();
    await (await fetch(new Request(server.origin), { opentelemetry: { ignore: true } })).text();
    expect(calls.spans()).toEqual([]);
  });

  test("stop gives fetch back, and passes through what was patched over it", async () => {
    const before = globalThis.fetch;
    calls = traceCalls();
    const ours = globalThis.fetch;
    expect([ours.name, ours.length]).toEqual([before.name, before.length]);
    const later: typeof fetch = (...args) => ours(...args);
    globalThis.fetch = later;
    await calls.stop();
    expect(globalThis.fetch).toBe(later);
    expect((await later(server.origin, { opentelemetry: { ignore: true } })).status).toBe(200);
    globalThis.fetch = before;
  });
});

test("what a fetch says of itself does not hold for those that make its body", async () => {
  calls = traceCalls();
  await calls.inSpan(async () => {
    let pulls = 0;
    const body = new ReadableStream({
      async pull(controller) {
        await (await fetch(`${server.origin}/part`)).text();
        controller.enqueue(new TextEncoder().encode("part"));
        if (++pulls === 3) controller.close();
      },
    });
    const init = { method: "POST", body, duplex: "half", opentelemetry: { ignore: true } } as RequestInit;
    await (await fetch(`${server.origin}/whole`, init)).text();
  });
  const names = (await calls.ended(4)).map(({ name }) => name).sort();
  expect(names).toEqual(["GET", "GET", "GET", "caller"]);
});

test("withoutTracing silences every way out, also after an await", async () => {
  calls = traceCalls();
  await calls.inSpan(() =>
    withoutTracing(async () => {
      for (const way of Object.values(ways)) await way({});
      calls.tracer.startSpan("inside").end();
    }),
  );
  expect((await calls.ended(1)).map(({ name }) => name)).toEqual(["caller"]);
  expect(server.requests.map(({ headers }) => headers.traceparent)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("a request that waits for a connection of its pool keeps its own caller", async () => {
  calls = traceCalls();
  const { Agent, request } = await import("undici");
  const dispatcher = new Agent({ connections: 2 });
  const callers = await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      calls.inSpan(async (span) => {
        await (await request(`${server.origin}/${index}`, { dispatcher })).body.text();
        return [`${server.origin}/${index}`, span.spanContext().spanId];
      }),
    ),
  );
  const clients = (await calls.ended(12)).filter(({ kind }) => kind === SpanKind.CLIENT);
  const parents = clients.map(({ attributes, parentSpanContext }) => [
    attributes["url.full"],
    parentSpanContext?.spanId,
  ]);
  expect(parents.sort()).toEqual(callers.sort());
  await dispatcher.close();
});
