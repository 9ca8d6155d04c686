import { expect } from "@playwright/test";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import type { Combination } from "./combinations.ts";
import { postForm } from "./post-form.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { ServedApp } from "./server-app.ts";

const LOGGERS = ["console", "pino", "winston"];

/** Every line that a request writes names its trace and a span of it; a line outside of all requests names none. */
export async function checkLogs(app: ServedApp, combination: Combination): Promise<void> {
  const route = newTraceparent();
  await get(urlOf("/api/log", app, combination), route.header);
  const page = newTraceparent();
  const html = await get(urlOf("/log", app, combination), page.header);
  await flush(app, combination);
  await expectLines(app, "route", route.traceId);
  if (combination.proxy) await expectLines(app, "proxy", route.traceId);
  // Before the action, whose request renders the page again.
  await expectLines(app, "page", page.traceId);

  const action = newTraceparent();
  await postForm(urlOf("/log", app, combination), html, { word: "now" }, action.header);
  await flush(app, combination);
  await expectLines(app, "action now", action.traceId);
  await expectFailureOfAfter(app, combination);
  await expectLinesOfNoRequest(app, "boot");
  process.kill(app.pid, "SIGUSR2");
  await expectLinesOfNoRequest(app, "signal");
  const named = (await readTrace(action.traceId))?.spans.map(({ name }) => name);
  expect.soft(named, "the trace of the action").toContain("act on the form");
}

/** Next.js writes what a callback of after() throws on the console, where the trace is still current. */
async function expectFailureOfAfter(app: ServedApp, combination: Combination): Promise<void> {
  const asked = newTraceparent();
  await get(urlOf("/api/after?throws", app, combination), asked.header);
  const lines = async () => {
    await flush(app, combination);
    const { logs = [] } = (await readTrace(asked.traceId)) ?? {};
    return logs.map(({ body }) => body);
  };
  const said = expect.stringMatching(/passed to `after\(\)`.*put off and broke/s);
  await expect.soft.poll(lines, "what after() has thrown").toEqual([said]);
}

async function expectLines(app: ServedApp, where: string, traceId: string): Promise<void> {
  await expect.poll(() => linesAt(app, where).length, `lines at ${where}`).toBeGreaterThanOrEqual(3);
  const document = await readTrace(traceId);
  const spans = document?.spans.map(({ spanId }) => spanId) ?? [];
  for (const line of linesAt(app, where)) {
    expect.soft(/trace_id\W+(\w{32})/.exec(line)?.[1], line).toBe(traceId);
    expect.soft(spans, line).toContain(/span_id\W+(\w{16})/.exec(line)?.[1]);
  }
  const exported = document?.logs.filter(({ body }) => body.endsWith(` at ${where}`)) ?? [];
  const known = [...new Set(exported.map(({ body }) => body))].sort();
  expect.soft(known, `exported lines at ${where}`).toEqual(LOGGERS.map((logger) => `${logger} at ${where}`));
  for (const { spanId, body } of exported) expect.soft(spans, body).toContain(spanId);
}

async function expectLinesOfNoRequest(app: ServedApp, where: string): Promise<void> {
  await expect.poll(() => linesAt(app, where).length, `lines at ${where}`).toBeGreaterThanOrEqual(3);
  const named = linesAt(app, where).filter((line) => /trace_id|span_id/.test(line));
  expect.soft(named, `lines at ${where} that name a trace`).toEqual([]);
}

/** The lines of the three loggers, once each of them has written. */
function linesAt({ log }: ServedApp, where: string): readonly string[] {
  const lines = LOGGERS.map((logger) => log.filter((line) => line.includes(`${logger} at ${where}`)));
  return lines.every((found) => found.length > 0) ? lines.flat() : [];
}

async function get(url: string, traceparent: string): Promise<string> {
  const response = await fetch(url, { headers: { traceparent } });
  expect.soft(response.status, url).toBe(200);
  return response.text();
}
