import { once } from "node:events";
import http from "node:http";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import { type Attributes, SpanKind } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inMemory, serve, type TestServer, type TracedCalls } from "../../test-data/traced-calls.ts";
import { createContextStorage } from "../context-storage.ts";
import { traceNodeRequests } from "../requests/node-requests.ts";
import { traceOutbound } from "./outbound.ts";

// What upstream's instrumentations say about a request is what ours say, except for this.
const OPT_IN_OR_NOT_OF_CLIENTS = ["url.path", "url.query", "url.scheme", "user_agent.original"];

let server: TestServer;
const other = { status: 0 };

beforeAll(async () => {
  server = await serve((request, response) => {
    if (request.url === "/reset") request.socket.destroy();
    const status = Number(/^\/status\/(\d+)/.exec(request.url ?? "")?.[1] ?? 200);
    request.resume().on("end", () => response.writeHead(status).end("answer"));
  });
});
afterAll(() => server.stop());

type Ask = (origin: string) => Promise<unknown>;
type Start = (memory: TracedCalls) => () => void;

async function spansOf(
  start: Start,
  run: () => Promise<unknown>,
  count = 1,
): Promise<readonly ReadableSpan[]> {
  const memory = inMemory();
  const stop = start(memory);
  try {
    await run();
    return await memory.ended(count);
  } finally {
    stop();
    await memory.stop();
  }
}

const ours: Start = ({ tracer }) =>
  traceOutbound(tracer, {
    ignoreUrls: [],
    propagateTo: undefined,
    propagators: ["tracecontext"],
    followsParent: true,
  });

// One for all tests: it is told of a module when that is required first, and never again.
const upstream = { http: new HttpInstrumentation(), undici: new UndiciInstrumentation() };
createRequire(import.meta.url)("node:http");
for (const each of Object.values(upstream)) each.disable();

function theirs(incoming: boolean): Start {
  return ({ provider }) => {
    upstream.http.setConfig({
      disableIncomingRequestInstrumentation: !incoming,
      disableOutgoingRequestInstrumentation: incoming,
    });
    for (const each of Object.values(upstream)) {
      each.setTracerProvider(provider);
      each.enable();
    }
    return () => {
      for (const each of Object.values(upstream)) each.disable();
    };
  };
}

function tellClient({ name, kind, status, attributes }: ReadableSpan) {
  const told: Attributes = { ...attributes };
  for (const key of OPT_IN_OR_NOT_OF_CLIENTS) delete told[key];
  // Upstream repeats the method here where nothing had to be changed.
  if (told["http.request.method_original"] === told["http.request.method"])
    delete told["http.request.method_original"];
  // Ours alone.
  delete told["throughline.aborted"];
  return { name, kind, status: status.code, attributes: told };
}

const asks: Record<string, (path: string, method: string, signal?: AbortSignal) => Ask> = {
  fetch: (path, method, signal) => async (origin) =>
    (await fetch(origin + path, { method, ...(signal && { signal }) })).text(),
  "http.request": (path, method, signal) => async (origin) => {
    const request = http.request(origin + path, { method, ...(signal && { signal }) }).end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    return text(response);
  },
};

describe.each(Object.entries(asks))("%s", (kind, ask) => {
  test.each([
    ["a plain request", "/", "GET"],
    ["a query", "/search?q=pens&page=2", "GET"],
    ["a body", "/orders", "POST"],
    ["no answer body", "/", "HEAD"],
    ["not found", "/status/404", "GET"],
    ["a failed server", "/status/503", "DELETE"],
  ])("%s: name, kind, status and attributes are upstream's", async (_, path, method) => {
    const run = () => ask(path, method)(server.origin);
    const [mine] = await spansOf(ours, run);
    const [reference] = await spansOf(theirs(false), run);
    const told = reference && tellClient(reference);
    const code = told?.attributes["http.response.status_code"];
    // Upstream's http leaves out the type of a failed answer, which the conventions require.
    const type = typeof code === "number" && code >= 400 ? { "error.type": String(code) } : {};
    expect(mine && tellClient(mine)).toEqual({ ...told, attributes: { ...told?.attributes, ...type } });
  });

  test("a broken connection fails with upstream's type and one exception", async () => {
    const run = () => ask("/reset", "GET")(server.origin).catch(() => other);
    const [mine] = await spansOf(ours, run);
    const [reference] = await spansOf(theirs(false), run);
    const say = (span: ReadableSpan | undefined) => ({
      ...(span && tellClient(span)),
      message: span?.status.message,
      events: span?.events.map(({ name }) => name),
    });
    const told = say(reference);
    expect(say(mine)).toEqual(
      // Upstream's http writes the exception's class where undici and we have the code.
      kind === "fetch" ? told : { ...told, attributes: { ...told.attributes, "error.type": "ECONNRESET" } },
    );
  });
});

describe("incoming", () => {
  const route: Start = ({ tracer }) => {
    const { enter, bind } = createContextStorage();
    return traceNodeRequests(tracer, { route: undefined, isNoise: () => false, enter, bind });
  };

  type Case = [string, string, string, Record<string, string>, Difference?];
  interface Difference {
    readonly name?: string;
    readonly attributes?: Attributes;
  }

  // The last column is what ours say otherwise.
  test.each<Case>([
    ["a plain request", "GET", "/", {}],
    ["a query", "GET", "/search?q=pens", {}],
    ["a user agent", "POST", "/", { "user-agent": "curl/8" }],
    [
      "a proxy",
      "GET",
      "/",
      {
        "x-forwarded-for": "203.0.113.9, 10.0.0.1",
        "x-forwarded-host": "shop.test",
        "x-forwarded-proto": "https",
      },
      // The scheme of the caller's own request, where it is known: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
      { attributes: { "url.scheme": "https" } },
    ],
    [
      "a proxy that follows the RFC",
      "GET",
      "/",
      { forwarded: 'for="[2001:db8::7]:4711";host=shop.test:8080;proto=https' },
      {
        attributes: {
          "client.address": "2001:db8::7",
          "server.address": "shop.test",
          "server.port": 8080,
          "url.scheme": "https",
        },
      },
    ],
    ["a host without a port", "GET", "/", { host: "shop.test" }],
    ["an IPv6 host", "GET", "/", { host: "[::1]:8080" }, { attributes: { "server.address": "::1" } }],
    ["a failure", "GET", "/status/500", {}, { attributes: { "error.type": "500" } }],
    ["not found", "GET", "/status/404", {}],
    ["an unknown method", "PURGE", "/", {}, { name: "HTTP" }],
  ])("%s: name, kind, status and attributes are upstream's", async (_, method, path, headers, difference) => {
    const run = async () => {
      const agent = new http.Agent();
      const request = http.request(server.origin + path, { method, headers, agent }).end();
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      await text(response);
    };
    const [mine] = await spansOf(route, run);
    const [reference] = await spansOf(theirs(true), run);
    expect(mine?.kind).toBe(SpanKind.SERVER);
    const told = reference && tellServer(reference);
    expect(mine && tellServer(mine)).toEqual({
      ...told,
      ...difference,
      attributes: { ...told?.attributes, ...difference?.attributes },
    });
  });

  function tellServer({ name, kind, status, attributes }: ReadableSpan) {
    const told: Attributes = { ...attributes };
    // A port of the test's client, another for each run.
    delete told["network.peer.port"];
    for (const key of Object.keys(told)) if (told[key] === undefined) delete told[key];
    return { name, kind, status: status.code, attributes: told };
  }
});
