import { fileURLToPath } from "node:url";
import { chromium, expect } from "@playwright/test";
import { parseTraceparent, type SpanJson } from "@throughline/core";
import { chromiumLaunchOptions } from "../../../../scripts/chromium.mjs";
import { createProcesses, saysLine } from "../../../../scripts/processes.mjs";
import { tracingEnv } from "../environment.ts";
import { ancestorsOf, newTraceparent, readTrace } from "../trace-reading.ts";
import type { Combination } from "./combinations.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { ServedApp } from "./server-app.ts";
import { printTree } from "./span-tree.ts";

const folder = fileURLToPath(new URL("../fixtures/server-app/", import.meta.url));

/** A job is part of the trace of the request that sent it, in the worker's process too. */
export async function checkJobs(
  app: ServedApp,
  combination: Combination,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const processes = createProcesses();
  try {
    await processes.start({
      name: "the worker",
      args: ["worker.mjs"],
      cwd: folder,
      env: { ...tracingEnv(`${app.service}-worker`), ...env },
      ready: saysLine(/Ready for jobs/),
    });
    const caller = newTraceparent();
    const response = await fetch(urlOf("/api/enqueue", app, combination), {
      headers: { traceparent: caller.header },
    });
    expect.soft(response.status, "the request that sends a job").toBe(200);
    await flush(app, combination);
    const below = async (): Promise<readonly string[]> => {
      const tree = printTree((await readTrace(caller.traceId))?.spans ?? [], caller.spanId);
      const handler = tree.findIndex((line) => line.includes("executing api route"));
      return tree.slice(handler).map((line) => line.trim());
    };
    await expect
      .poll(below, "the trace of a job, from its handler on")
      .toEqual([
        "executing api route (app) /api/enqueue · internal",
        "publish emails · producer",
        "process emails · consumer",
        "send email · internal",
      ]);
    const spans = (await readTrace(caller.traceId))?.spans ?? [];
    const producer = spans.find(({ kind }) => kind === "producer");
    const consumer = spans.find(({ kind }) => kind === "consumer");
    expect.soft(consumer?.parentSpanId).toBe(producer?.spanId);
    expect.soft(consumer?.resource["service.name"]).toBe(`${app.service}-worker`);
    expect.soft(consumer?.attributes).toMatchObject({
      "messaging.system": "bullmq",
      "messaging.destination.name": "emails",
      "throughline.job.relation": "parent",
    });
    await checkClickedJob(urlOf("/send", app, combination));
  } finally {
    await processes.stopAll();
  }
}

/** From a click in a browser to the worker. */
async function checkClickedJob(url: string): Promise<void> {
  const browser = await chromium.launch(chromiumLaunchOptions());
  try {
    const page = await browser.newPage();
    await page.goto(url);
    const sent = page.waitForRequest(/api\/enqueue/);
    await page.getByRole("button", { name: "Send" }).click();
    const header = (await (await sent).allHeaders()).traceparent;
    const traceId = parseTraceparent(header ?? "")?.traceId ?? "";
    const above = async (): Promise<readonly string[]> => {
      const spans = (await readTrace(traceId))?.spans ?? [];
      const consumer = spans.find(({ kind }) => kind === "consumer");
      return consumer
        ? ancestorsOf(consumer, spans).map(({ kind, name }: SpanJson) => `${kind} ${name}`)
        : [];
    };
    await expect
      .poll(above, "what a clicked job is below")
      .toEqual([
        "producer publish emails",
        "internal executing api route (app) /api/enqueue",
        "server GET /api/enqueue",
        expect.stringMatching(/^client GET/),
        "internal click Send",
      ]);
  } finally {
    await browser.close();
  }
}
