import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type FakeCollector, startFakeCollector } from "../../test/fake-collector.ts";
import { buildPacked, type Packed } from "../../test/program.ts";

vi.setConfig({ testTimeout: 60_000 });

let packed: Packed;
let collector: FakeCollector;
beforeAll(async () => {
  packed = await buildPacked(".packed-for-freeze");
  collector = await startFakeCollector();
}, 60_000);
afterAll(async () => {
  await packed.remove();
  await collector.stop();
});

/**
 * A service on a host that freezes: the host gives each request a context with waitUntil, and reports a request as
 * settled when its response is over and everything it was asked to wait for is done. Half of the answers are streams
 * whose span is made in the middle of the body.
 */
const SERVICE = `
  import { AsyncLocalStorage } from "node:async_hooks";
  import { createServer } from "node:http";
  const requests = new AsyncLocalStorage();
  globalThis[Symbol.for("@next/request-context")] = { get: () => requests.getStore() };
  const { startTracing, withSpan } = await import(process.env.PACKED + "/node.js");
  await startTracing({ serviceName: "svc" });
  const server = createServer((request, response) => {
    withSpan("work", () => undefined);
    if (!request.url.startsWith("/stream")) return response.end("ok");
    response.write("first");
    setTimeout(() => {
      withSpan("mid-stream", () => response.write("second"));
      setTimeout(() => response.end("last"), 2);
    }, 2);
  });
  // The host stands in front of everything, the instrumentation of node:http too.
  const handle = server.emit;
  server.emit = function (event, ...args) {
    if (event !== "request") return handle.call(this, event, ...args);
    const waited = [];
    args[1].once("close", async () => {
      while (waited.length > 0) await waited.shift();
      console.log("settled " + args[0].url + " ");
    });
    return requests.run({ waitUntil: (promise) => waited.push(promise) }, () => handle.call(this, event, ...args));
  };
  server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
`;

test("a host that stops the process after each response has every span of it by then", async () => {
  const service = packed.start(SERVICE, {
    OTEL_ENABLED: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: "60000",
  });
  const port = await service.says(/port (\d+)/);
  const arrived: number[] = [];
  for (let request = 0; request < 100; request++) {
    const path = request % 2 === 0 ? `/plain/${request}` : `/stream/${request}`;
    service.process.kill("SIGCONT");
    await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } })).text();
    await service.says(new RegExp(`settled ${path} `));
    service.process.kill("SIGSTOP");
    arrived.push(collector.spanCount());
  }
  service.process.kill("SIGKILL");
  // A plain answer makes two spans, a stream three.
  expect(arrived).toEqual(
    arrived.map((_, request) => 5 * Math.floor(request / 2) + (request % 2 === 0 ? 2 : 5)),
  );
});

test("a collector that asked for peace is not asked after each response, and once more at the end", async () => {
  const busy = await startFakeCollector();
  busy.reply = (post) => (post === 1 ? { status: 429, headers: { "retry-after": "60" } } : "take");
  const service = packed.start(SERVICE, {
    OTEL_ENABLED: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: busy.url,
    OTEL_BSP_SCHEDULE_DELAY: "60000",
  });
  const port = await service.says(/port (\d+)/);
  for (let request = 0; request < 5; request++) {
    const path = `/plain/${request}`;
    await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } })).text();
    await service.says(new RegExp(`settled ${path} `));
  }
  expect(busy.posts).toHaveLength(1);
  service.process.kill("SIGTERM");
  await vi.waitFor(() => expect(busy.spanCount()).toBe(10), { timeout: 10_000 });
  await busy.stop();
});
