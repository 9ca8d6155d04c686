import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { chromiumLaunchOptions, findChromium } from "../../../../scripts/chromium.mjs";
import { createProcesses } from "../../../../scripts/processes.mjs";
import { isClassic, LIMITS } from "../fixtures/preset.mjs";
import { attachTrace, awaitTrace, lines, listTraces, readTrace, spanOf } from "../trace-reading.ts";

/** Pages that a speculation rule has made ready ahead. */
export function testPrerender(origin: () => string): void {
  test("a prerendered page that is activated is one page view, from its activation on", async () => {
    test.fail(isClassic, LIMITS.guess);
    const document = await browse(`${origin()}/ahead.html?ready=seen-ahead&go=/seen-ahead`, async () => {
      const traceId = await traceOf("GET /seen-ahead");
      return awaitTrace(traceId, ["page load · internal · pages-web", "GET /api/echo · client · pages-web"]);
    });
    const server = spanOf(document, "GET /seen-ahead", "server");
    const load = spanOf(document, "page load", "internal");
    expect(load.parentSpanId).toBe(server.spanId);
    expect(load.attributes).toMatchObject({
      "url.path": "/seen-ahead",
      "throughline.navigation.type": "prerender",
    });
    // What it fetched ahead began before anybody saw it.
    const ahead = spanOf(document, "GET /api/echo", "client");
    expect(ahead.parentSpanId).toBe(server.spanId);
    expect(BigInt(ahead.startUnixNano)).toBeLessThan(BigInt(load.startUnixNano));
    await attachTrace(document);
  });

  test("a prerendered page that nobody comes to see sends nothing", async () => {
    test.fail(isClassic, LIMITS.guess);
    const document = await browse(`${origin()}/ahead.html?ready=never-seen&go=/static`, async () => {
      // The same browser has sent the load of the page that was seen instead.
      const known = new Set((await listTraces({ q: "GET /static" })).map(({ traceId }) => traceId));
      await expect
        .poll(async () => {
          const traces = await listTraces({ q: "GET /static" });
          return traces.some(
            ({ traceId, name, services }) =>
              name === "GET /static" && !known.has(traceId) && services.includes("pages-web"),
          );
        })
        .toBe(true);
      return readTrace(await traceOf("GET /never-seen"));
    });
    // The server did answer, twice.
    expect(document && lines(document).filter((line) => line.includes("· server ·"))).toHaveLength(2);
    expect(document?.rows.map(({ service }) => service)).not.toContain("pages-web");
  });
}

/** The only trace whose root has this label. */
async function traceOf(label: string): Promise<string> {
  const find = async () => (await listTraces({ q: label })).filter(({ name }) => name === label);
  await expect.poll(async () => (await find()).length).toBe(1);
  return (await find())[0]?.traceId ?? "";
}

/**
 * A browser that nobody drives: Chromium prerenders nothing while a debugger is attached
 * (`PrerenderingDisabledByDevTools`), and Playwright is one.
 */
async function browse<Result>(url: string, use: () => Promise<Result>): Promise<Result> {
  const processes = createProcesses();
  const profile = await mkdtemp(join(tmpdir(), "throughline-prerender-"));
  try {
    await processes.start({
      name: "Chromium",
      command: findChromium(),
      args: ["--headless", ...chromiumLaunchOptions().args, `--user-data-dir=${profile}`, url],
      ready: () => Promise.resolve(),
    });
    return await use();
  } finally {
    await processes.stopAll();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
