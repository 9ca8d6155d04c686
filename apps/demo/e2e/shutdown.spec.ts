import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, test } from "@playwright/test";
import { freePort } from "../../../scripts/ports.mjs";
import { startShop } from "../../../scripts/services.mjs";
import { placeOrder, tracingEnv } from "./environment.ts";
import { lines, newTraceparent, readTrace } from "./trace-reading.ts";

test("SIGTERM right after a request loses no span", async () => {
  // The batch would leave a minute later: only a flush at shutdown can deliver it.
  const env = { ...tracingEnv("shop-sigterm"), OTEL_BSP_SCHEDULE_DELAY: "60000" };
  const shop = await startShop({ env });
  const caller = newTraceparent();
  try {
    const response = await placeOrder(shop.url, caller.header);
    expect(response.status).toBe(201);
    await response.arrayBuffer();
    const exited = once(shop.child, "exit");
    shop.child.kill("SIGTERM");
    expect(await exited).toEqual([143, null]);
  } finally {
    await shop.stop();
  }

  const document = await readTrace(caller.traceId);
  const own = document ? lines(document).filter((line) => line.endsWith("shop-sigterm")) : [];
  expect(own.map((line) => line.trim())).toEqual([
    "POST /api/orders · server · shop-sigterm",
    "executing api route (app) /api/orders · internal · shop-sigterm",
    "GET /stock · client · shop-sigterm",
    "INSERT orders · client · shop-sigterm",
  ]);
});

const EVERYTHING = {
  OTEL_LOGS_EXPORTER: "otlp",
  OTEL_METRICS_ENABLED: "true",
  OTEL_METRIC_EXPORT_INTERVAL: "1000",
  NODE_OPTIONS: `--import=${new URL("./fixtures/log-lines.mjs", import.meta.url)}`,
};

for (const [signals, more] of Object.entries({ traces: {}, "traces, logs, metrics and posts": EVERYTHING })) {
  for (const fault of ["refuses connections", "takes connections and never answers"]) {
    test(`SIGTERM ends the shop within 1.2 s while its collector ${fault}: ${signals}`, async () => {
      const hole = await openBlackHole();
      const port = fault === "refuses connections" ? await freePort(0) : hole.port;
      const env = {
        ...tracingEnv("shop-sigterm"),
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        ...more,
      };
      const shop = await startShop({ env });
      try {
        expect(await ask(`${shop.url}/api/orders`, "{}")).toBe(400);
        if (more === EVERYTHING)
          expect(await ask(`${shop.url}/api/tl/v1/traces`, '{"resourceSpans":[{}]}')).toBe(202);
        // What is on its way already must not hold the end either.
        if (port === hole.port) await hole.isAsked;
        const exited = once(shop.child, "exit");
        const sentMs = performance.now();
        shop.child.kill("SIGTERM");
        expect(await exited).toEqual([143, null]);
        expect(performance.now() - sentMs).toBeLessThan(1200);
      } finally {
        await shop.stop();
        hole.close();
      }
    });
  }
}

/** Over a connection that is closed with the answer: for one that is kept Next.js waits with its end. */
async function ask(url: string, body: string): Promise<number | undefined> {
  const headers = { "content-type": "application/json" };
  const asking = request(url, { method: "POST", agent: false, headers }).end(body);
  const [response]: IncomingMessage[] = await once(asking, "response");
  await once(response?.resume() ?? asking, "close");
  return response?.statusCode;
}

/** A port that takes connections and never answers. */
async function openBlackHole(): Promise<{ port: number; isAsked: Promise<unknown>; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on("error", () => undefined)));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: (server.address() as AddressInfo).port,
    isAsked: once(server, "connection"),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
