import { once } from "node:events";
import http from "node:http";
import type { Socket } from "node:net";
import { expect } from "@playwright/test";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import type { Case } from "./case.ts";
import { casesOf } from "./cases/index.ts";
import type { Combination } from "./combinations.ts";
import { flush, runCases, runEntries, urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp, ServeOptions } from "./server-app.ts";
import { printTree } from "./span-tree.ts";

type Env = Readonly<Record<string, string>>;

const script = "custom-server.mjs";
const first = (env: Env): Env => ({ ...env, TRACED_FIRST: "1" });
const serviceOf = ({ combination }: BuiltApp): string => `server-app-${combination.name}-custom`;

/** The same build, run in other ways. */
export async function checkModes(built: BuiltApp, env: Env): Promise<void> {
  const { combination } = built;
  const service = serviceOf(built);
  const verbose = { ...env, NEXT_OTEL_VERBOSE: "1" };
  await built.serve({ service: `${service}-verbose`, env: verbose }, async (app) => {
    const known = casesOf(combination).filter(({ isReplaced }) => !isReplaced);
    await runEntries(known, app, combination);
  });
  await checkCustomServers(built, env);
  await checkEnd(built, { service: `${service}-end`, env, script });
  await checkEnd(built, { service: `${service}-first-end`, env: first(env), script });
}

/** In front of Next.js's own passes over a request stands nothing, or the span of who started tracing before it. */
export async function checkCustomServers(built: BuiltApp, env: Env): Promise<void> {
  const { combination } = built;
  const service = serviceOf(built);
  await built.serve({ service, env, script }, (app) => runCases(casesOf(combination), app, combination));
  await built.serve({ service: `${service}-first`, env: first(env), script }, async (app) => {
    await runCases([...casesOf(combination), OWN], app, combination);
    await checkUpgrade(app, combination);
  });
}

/** A WebSocket's handshake that the custom server answers, beside the listener that Next.js adds to it. */
async function checkUpgrade(app: ServedApp, combination: Combination): Promise<void> {
  const asked = newTraceparent();
  const headers = { connection: "Upgrade", upgrade: "chat", traceparent: asked.header };
  const request = http.get(urlOf("/own", app, combination), { headers });
  const [{ statusCode }, socket] = (await once(request, "upgrade")) as [http.IncomingMessage, Socket];
  socket.destroy();
  expect.soft(statusCode).toBe(101);
  await flush(app, combination);
  const { spans = [] } = (await readTrace(asked.traceId)) ?? {};
  // Next.js asks its proxy about every upgrade.
  const expected = ["GET · server", ...(combination.proxy ? ["  middleware GET · internal"] : [])];
  const title = `an upgrade of ${app.service}`;
  expect.soft(printTree(spans, asked.spanId), title).toEqual(expected);
  const server = spans.find(({ kind }) => kind === "server");
  expect.soft(server?.attributes["http.response.status_code"], title).toBe(101);
}

/** A signal that only tracing hears ends a custom server; the batch would leave a minute later. */
async function checkEnd(built: BuiltApp, options: ServeOptions): Promise<void> {
  const [asked, probed] = [newTraceparent(), newTraceparent()];
  const env = { ...options.env, OTEL_BSP_SCHEDULE_DELAY: "60000" };
  await built.serve({ ...options, env }, async (app) => {
    const calls = { "/api/plain": asked, "/healthz": probed };
    for (const [path, { header }] of Object.entries(calls))
      await (await fetch(app.url + path, { headers: { traceparent: header } })).text();
    process.kill(app.pid, "SIGTERM");
    const names = async () => (await readTrace(asked.traceId))?.rows.map(({ label }) => label);
    await expect.poll(names, options.service).toContain("GET /api/plain");
  });
  expect(await readTrace(probed.traceId), `a probe of ${options.service}`).toBeUndefined();
}

/** What a custom server answers itself, where tracing was started before Next.js. */
const OWN: Case = {
  title: "an answer of the custom server",
  path: "/own",
  status: 200,
  below: [],
  isBesideNext: true,
};
