import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, test, vi } from "vitest";
import { POST } from "../ingest.ts";
import { askApp } from "./ask-app.ts";

const ANSWER = {
  version: "0.1.0",
  node: "20",
  isRegistered: true,
  apiCopies: [],
  exports: [],
  propagateTo: [],
  warnings: [],
  pages: {},
};
const servers: Server[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) server.close();
});

type Respond = (request: IncomingMessage, response: ServerResponse, body: string) => unknown;

async function serve(respond: Respond): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    await respond(request, response, body);
  });
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function ask(url: string, token = "") {
  return askApp({ url: new URL(url), ingestPath: "/api/tl", token });
}

const json = (response: ServerResponse, status: number, body: unknown): unknown =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

/** An app below `base` that tells what it is asked. */
const app =
  (base: string): Respond =>
  ({ url, headers }, response) => {
    response.setHeader("server-timing", `traceparent;desc="${headers.traceparent ?? ""}"`);
    if (url?.startsWith(`${base}/api/tl/doctor`))
      return json(response, 200, { ...ANSWER, received: headers.traceparent ?? null });
    return response.writeHead(url?.startsWith("/api") ? 404 : 200).end();
  };

test("an app is found below any part of the page's path, and its account's own trace is what counts", async () => {
  for (const base of ["", "/shop", "/shop/eu"]) {
    const { account, returned, sent, arrivedUnsent } = await ask(`${await serve(app(base))}/shop/eu/orders`);
    expect(account).toMatchObject({ kind: "told", answer: { received: sent } });
    expect(returned).toBe(sent);
    expect(arrivedUnsent).toEqual(Array.from({ length: 40 }, () => null));
  }
});

test("the trace that is asked in is kept at every share", async () => {
  const { sent } = await ask(await serve(app("")));
  const decision = (ratio: number) =>
    new TraceIdRatioBasedSampler(ratio).shouldSample({} as never, sent.split("-")[1] ?? "").decision;
  expect([decision(1e-6), decision(0)]).toEqual([2, 0]);
});

test("a page that a cache keeps does not hide that the app continues traces", async () => {
  const old = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const { returned, sent } = await ask(
    await serve((request, response, body) =>
      request.method === "GET"
        ? response.writeHead(200, { "server-timing": `traceparent;desc="${old}"` }).end()
        : app("")(request, response, body),
    ),
  );
  expect(returned).toBe(sent);
});

test("a post is sent once more where the app asks for a slash at its end, and nowhere else with its token", async () => {
  const tokens: unknown[] = [];
  const elsewhere = await serve(({ headers }, response) => {
    tokens.push(headers["x-throughline-flush-token"]);
    response.end();
  });
  const slash = await serve((request, response, body) =>
    request.url === "/api/tl/doctor"
      ? response.writeHead(308, { location: "/api/tl/doctor/" }).end()
      : app("")(request, response, body),
  );
  expect((await ask(slash)).account?.kind).toBe("told");
  const login = await serve(({ method }, response) =>
    response.writeHead(method === "GET" ? 200 : 307, { location: `${elsewhere}/login` }).end(),
  );
  expect((await ask(login, "secret")).account).toMatchObject({ kind: "missing", status: 307 });
  expect(tokens).toEqual([]);
});

test("from one port to another of the same host the app is followed, to another host it is not", async () => {
  const moved = await serve(app(""));
  const from = await serve((_, response) => response.writeHead(301, { location: `${moved}/home` }).end());
  const { url, account } = await ask(from);
  expect([url.href, account?.kind]).toEqual([`${moved}/home`, "told"]);
  const away = await serve((_, response) => response.writeHead(302, { location: "https://sso.test/" }).end());
  expect(await ask(away)).toMatchObject({ page: { status: 302 }, account: { kind: "missing" } });
});

test("what is asked in the doctor's trace hangs on a span of its own, where the app has kept it", async () => {
  const posts: { readonly url: string; readonly token: unknown; readonly body: string }[] = [];
  const serveApp = (keeps: boolean) =>
    serve(({ url = "", headers }, response, body) => {
      if (url.endsWith("/v1/traces")) posts.push({ url, token: headers["x-throughline-flush-token"], body });
      if (keeps) response.setHeader("server-timing", `traceparent;desc="${headers.traceparent ?? ""}"`);
      return url.endsWith("/doctor")
        ? json(response, 200, { ...ANSWER, received: null })
        : response.writeHead(202).end();
    });
  const { sent } = await ask(await serveApp(true), "secret");
  expect(posts).toHaveLength(1);
  expect(posts[0]).toMatchObject({ url: "/api/tl/v1/traces", token: "secret" });
  const { resourceSpans } = JSON.parse(posts[0]?.body ?? "{}");
  expect(resourceSpans[0].resource.attributes).toContainEqual({
    key: "test.case.id",
    value: { stringValue: "throughline doctor" },
  });
  const [span] = resourceSpans[0].scopeSpans[0].spans;
  expect(`00-${span.traceId}-${span.spanId}-01`).toBe(sent);
  await ask(await serveApp(false));
  expect(posts).toHaveLength(1);
});

test("a closed door is off where the app says so, and not where a firewall answers in its place", async () => {
  const closed = (status: number, flush: unknown) =>
    serve(({ method, url }, response) => {
      if (method === "GET") return response.writeHead(200).end();
      const said = { message: "@throughline/server: no token" };
      return url?.endsWith("/doctor") ? json(response, 403, said) : json(response, status, flush);
    });
  const off = { message: "@throughline/server: tracing is off in this process" };
  const whyOf = async (url: string) => (await ask(url)).account;
  expect(await whyOf(await closed(202, {}))).toMatchObject({ kind: "closed", why: "no-token" });
  expect(await whyOf(await closed(403, "no"))).toMatchObject({ kind: "closed", why: "no-token" });
  expect(await whyOf(await closed(404, off))).toMatchObject({ kind: "closed", why: "off" });
});

test("an app without a token, one with another, and one whose answer failed are told apart", async () => {
  vi.stubEnv("OTEL_ENABLED", "true");
  vi.stubEnv("NODE_ENV", "production");
  const url = await serve(async (request, response) => {
    if (request.method === "GET") return response.writeHead(200).end();
    const headers = new Headers(request.headers as Record<string, string>);
    const answer = await POST(new Request(new URL(request.url ?? "", url), { method: "POST", headers }));
    return json(response, answer.status, await answer.json());
  });
  expect((await ask(url)).account).toMatchObject({ kind: "closed", why: "no-token" });
  vi.stubEnv("THROUGHLINE_FLUSH_TOKEN", "secret");
  expect(await ask(url)).toMatchObject({ hasToken: false, account: { why: "other-token" } });
  expect(await ask(url, "wrong")).toMatchObject({ hasToken: true, account: { why: "other-token" } });
  const failing = await serve(({ method }, response) =>
    method === "GET" ? response.end() : json(response, 500, { message: "@throughline/server: it failed" }),
  );
  expect((await ask(failing)).account).toMatchObject({ kind: "closed", why: "failed" });
});

test("an app that cuts the connection, or is not there, is told with Node's reason", async () => {
  const cut = await serve(({ method }, response) => (method === "GET" ? response.end() : response.destroy()));
  expect((await ask(cut)).account).toMatchObject({
    kind: "missing",
    status: 0,
    reason: expect.stringMatching(/\w/),
  });
  const gone = await serve(() => undefined);
  servers.pop()?.close();
  expect((await ask(gone)).page).toEqual({ error: expect.stringContaining("ECONNREFUSED") });
});
