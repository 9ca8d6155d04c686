import { expect } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { flushAt, listTraces, newTraceparent, readTrace } from "../trace-reading.ts";
import type { Case } from "./case.ts";
import type { Combination } from "./combinations.ts";
import type { ServedApp } from "./server-app.ts";
import { expectServerSpan, expectWellFormed } from "./span-checks.ts";
import { printTree } from "./span-tree.ts";

interface Asked {
  readonly each: Case;
  readonly traceId: string;
  /** The caller's span, where it sent one. */
  readonly parent: string | undefined;
  readonly method: string;
  readonly response: Response;
  readonly body: string;
}

/**
 * Sends every case twice, with a caller's `traceparent` and without, compares each trace whole, and that the
 * process has left no other trace.
 */
export async function runCases(
  cases: readonly Case[],
  app: ServedApp,
  combination: Combination,
): Promise<void> {
  const asked = await askAll(cases, app, combination);
  for (const one of asked) await expectTrace(one, combination);
  await flush(app, combination);
  await expectNothingElse(asked, app);
}

/** The same, where the trace below is another one: the SERVER span of every case alone, which is Next.js's if not another `library`'s. */
export async function runEntries(
  cases: readonly Case[],
  app: ServedApp,
  combination: Combination,
  library?: string,
): Promise<void> {
  for (const { each, traceId, parent, method } of await askAll(cases, app, combination)) {
    const title = `${each.title}, ${parent ? "with" : "without"} traceparent`;
    const spans = (await readTrace(traceId))?.spans ?? [];
    const servers = entriesOf(spans);
    expect
      .soft(
        servers.map(({ name }) => name),
        `SERVER spans of ${title}`,
      )
      .toHaveLength(1);
    for (const server of servers) {
      expect.soft(server.parentSpanId, `parent of ${title}`).toBe(parent);
      expect.soft(server.scope.name, `library of ${title}`).toBe(library ?? libraryOf(each, combination));
      expect.soft(server.name).toBe(each.route ? `${method} ${each.route}` : method);
      expectServerSpan(server, { each, method, title, combination });
    }
  }
}

/** Next.js opens the SERVER span of what has reached it, or its proxy. */
function libraryOf({ isRouters, isBesideNext }: Case, { proxy }: Combination): string {
  return isRouters && (isBesideNext || !proxy) ? "@throughline/server" : "next.js";
}

/** The SERVER spans, without those of requests that the app has made to itself. */
function entriesOf(spans: readonly SpanJson[]): readonly SpanJson[] {
  const calls = new Set(spans.filter(({ kind }) => kind === "client").map(({ spanId }) => spanId));
  return spans.filter((span) => span.kind === "server" && !calls.has(span.parentSpanId ?? ""));
}

async function askAll(cases: readonly Case[], app: ServedApp, combination: Combination): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (const each of cases) {
    for (const caller of [newTraceparent(), undefined]) {
      const path = each.path.replace("{new}", `new-${crypto.randomUUID().slice(0, 5)}`);
      asked.push(await ask({ ...each, path }, app, combination, caller));
    }
  }
  await flush(app, combination);
  return asked;
}

async function ask(
  each: Case,
  app: ServedApp,
  combination: Combination,
  caller: ReturnType<typeof newTraceparent> | undefined,
): Promise<Asked> {
  const init = typeof each.init === "function" ? await each.init(app) : (each.init ?? {});
  const headers = new Headers(init.headers);
  if (caller) headers.set("traceparent", caller.header);
  const response = await fetch(urlOf(each.path, app, combination), { ...init, headers, redirect: "manual" });
  // A response that breaks off in the middle is one of the cases.
  const body = await response.text().catch((error: unknown) => String(error));
  expect.soft(response.status, `status of ${each.title}`).toBe(each.status);
  const [, traceId = ""] =
    /traceparent;desc="00-(\w{32})/.exec(response.headers.get("server-timing") ?? "") ?? [];
  expect.soft(traceId, `Server-Timing of ${each.title}`).toHaveLength(32);
  if (caller) expect.soft(traceId, `trace of ${each.title}`).toBe(caller.traceId);
  const method = init.method ?? "GET";
  return { each, traceId: caller?.traceId ?? traceId, parent: caller?.spanId, method, response, body };
}

export function urlOf(path: string, app: ServedApp, { trailingSlash }: Combination): string {
  const [pathname = "", query] = path.split("?", 2);
  return `${app.url}${pathname}${trailingSlash ? "/" : ""}${query === undefined ? "" : `?${query}`}`;
}

/** What has ended is with the collector when this resolves. */
export function flush(app: ServedApp, combination: Combination): Promise<void> {
  return flushAt(urlOf("/api/tl/flush", app, combination));
}

async function expectTrace(asked: Asked, combination: Combination): Promise<void> {
  const { each, traceId, parent, method } = asked;
  const name = each.route ? `${method} ${each.route}` : method;
  const expected = [
    [name, "server", ...(each.marks ? [each.marks] : [])].join(" · "),
    ...(combination.proxy && !each.isBesideNext ? [`  middleware ${method} · internal`] : []),
    ...each.below.map((line) => `  ${line}`),
  ];
  const title = `${each.title}, ${parent ? "with" : "without"} traceparent`;
  let spans: readonly SpanJson[] = [];
  const tree = async (): Promise<readonly string[]> => {
    spans = (await readTrace(traceId))?.spans ?? [];
    return printTree(spans, parent);
  };
  await expect.soft.poll(tree, { message: title, timeout: 3_000 }).toEqual(expected);
  const server = spans.find((span) => span.kind === "server" && span.parentSpanId === parent);
  expect.soft(server, `SERVER span of ${title}`).toBeDefined();
  if (!server) return;
  expectServerSpan(server, { each, method, title, combination });
  expectWellFormed(spans, { title, later: each.later ?? [] });
  each.inspect?.({ spans, server, response: asked.response, body: asked.body });
}

async function expectNothingElse(asked: readonly Asked[], app: ServedApp): Promise<void> {
  const known = new Set(asked.map(({ traceId }) => traceId));
  const strangers = (await listTraces({ service: app.service })).filter(({ traceId }) => !known.has(traceId));
  expect.soft(strangers.map(({ name, spanCount }) => `${name} (${spanCount})`)).toEqual([]);
}
