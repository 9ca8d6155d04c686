import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type createServer as createHttp2Server, createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { buildPacked, type Packed, type Program } from "../../test/program.ts";

// Each test starts a process.
vi.setConfig({ testTimeout: 60_000 });

let packed: Packed;
beforeAll(async () => {
  packed = await buildPacked(".packed-for-faults");
}, 60_000);
const stops: (() => unknown)[] = [];
afterAll(async () => {
  await packed.remove();
  for (const stop of stops) await stop();
});

async function listen(server: Server | ReturnType<typeof createHttp2Server>): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  stops.push(() => {
    server.close();
    if ("closeAllConnections" in server) (server as { closeAllConnections(): void }).closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** A key and a certificate for localhost that nobody has signed but itself. */
const KEY = fileURLToPath(new URL("../../test/localhost-key.pem", import.meta.url));
const CERTIFICATE = fileURLToPath(new URL("../../test/localhost-cert.pem", import.meta.url));
const tls = { key: readFileSync(KEY), cert: readFileSync(CERTIFICATE) };

/** The ways a collector can be wrong; each gives the environment that leads to it. */
const FAULTS: Readonly<Record<string, () => Promise<Record<string, string>>>> = {
  refused: async () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" }),
  "black hole": async () => {
    const sockets = new Set<{ destroy(): void }>();
    const server = createTcpServer((socket) => sockets.add(socket.on("error", () => undefined)));
    stops.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await listen(server)}` };
  },
  "503 with Retry-After": async () => {
    const server = createHttpServer((request, response) => {
      request.resume();
      response.writeHead(503, { "retry-after": "1" }).end();
    });
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await listen(server)}` };
  },
  "401": async () => {
    const server = createHttpServer((request, response) => {
      request.resume();
      response.writeHead(401).end();
    });
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await listen(server)}` };
  },
  "unknown certificate": async () => {
    const server = createHttpsServer(tls, (_, response) => response.end());
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${await listen(server)}` };
  },
  slow: async () => {
    const server = createHttpServer((request, response) => {
      request.resume();
      setTimeout(() => response.end(), 3000);
    });
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await listen(server)}` };
  },
  "gRPC refused": async () => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  }),
  "gRPC black hole": async () => ({
    ...(await FAULTS["black hole"]?.()),
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  }),
  "gRPC unknown certificate": async () => {
    const server = createSecureServer(tls);
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${await listen(server)}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    };
  },
};

/** A service under load: it answers `ready` after its start, serves, and makes a span for each request. */
const SERVICE = `
  const { startTracing, withSpan } = await import(process.env.PACKED + "/node.js");
  await startTracing({ serviceName: "svc" });
  const started = performance.now();
  let made = 0;
  const load = setInterval(() => { for (let i = 0; i < 10; i++) { made += 1; withSpan("work", () => undefined); } }, 10);
  console.log("ready");
  setTimeout(() => console.log("loaded " + made), 800);
`;

async function startLoaded(fault: string): Promise<Program> {
  const env = await FAULTS[fault]?.();
  if (!env) throw new Error(`there is no fault ${fault}`);
  const service = packed.start(SERVICE, { OTEL_ENABLED: "true", OTEL_BSP_SCHEDULE_DELAY: "100", ...env });
  await service.says(/loaded \d+/);
  return service;
}

function threes(names: readonly string[]): readonly (readonly string[])[] {
  return names.length > 3 ? [names.slice(0, 3), ...threes(names.slice(3))] : [names];
}

// Mostly they wait. None is started while the end of another is measured.
describe.each(threes(Object.keys(FAULTS)))("%s, %s, %s", (...faults) => {
  const services = new Map<string, Program>();
  beforeAll(async () => {
    await Promise.all(faults.map(async (fault) => services.set(fault, await startLoaded(fault))));
  }, 60_000);

  test.concurrent.each(faults)(
    "%s: at most two lines, and SIGTERM ends the process within 1.2 s by its signal",
    async (fault) => {
      const service = services.get(fault) ?? (await startLoaded(fault));
      services.delete(fault);
      const before = performance.now();
      service.process.kill("SIGTERM");
      expect(await service.exited).toEqual([null, "SIGTERM"]);
      expect(performance.now() - before).toBeLessThan(1200);
      const lines = service
        .output()
        .split("\n")
        .filter((line) => /throughline|Error|warn/i.test(line) && !line.includes("tracing on"));
      expect(lines.length, service.output()).toBeLessThanOrEqual(2);
      expect(service.output()).not.toContain("    at ");
    },
  );
});

/** Traces, logs, metrics and posts of browsers for four minutes of a clock that runs 150 times as fast. */
const FOUR_MINUTES = `
  const SPEED = 150;
  const { now } = performance;
  const startMs = now.call(performance);
  performance.now = () => (now.call(performance) - startMs) * SPEED;
  for (const name of ["setTimeout", "setInterval"]) {
    const original = globalThis[name];
    globalThis[name] = (run, ms, ...more) => original(run, ms / SPEED, ...more);
  }
  const { startTracing, withSpan } = await import(process.env.PACKED + "/node.js");
  const { POST } = await import(process.env.PACKED + "/ingest.js");
  const { logs } = await import("@opentelemetry/api-logs");
  await startTracing({ serviceName: "svc" });
  const lines = [];
  for (const level of ["info", "warn", "error"]) console[level] = (text) => lines.push({ ms: performance.now(), text: String(text) });
  const headers = { "content-type": "application/json" };
  setInterval(() => {
    withSpan("work", () => undefined);
    logs.getLogger("app").emit({ body: "a line" });
    void POST(new Request("http://svc/api/tl/v1/traces", { method: "POST", headers, body: '{"resourceSpans":[{}]}' }));
  }, 500);
  setTimeout(() => { console.log(JSON.stringify(lines) + " told"); }, 240_000);
`;

// One after another: a clock that runs so fast has no time to wait for a core.
test.each(["refused", "black hole", "503 with Retry-After", "401", "unknown certificate"])(
  "%s, with every signal on: two lines in any minute at most, and they say what is lost of which",
  async (fault) => {
    const service = packed.start(FOUR_MINUTES, {
      OTEL_ENABLED: "true",
      OTEL_LOGS_EXPORTER: "otlp",
      OTEL_METRICS_ENABLED: "true",
      OTEL_METRIC_EXPORT_INTERVAL: "10000",
      ...(await FAULTS[fault]?.()),
    });
    onTestFinished(packed.killAll);
    const lines: { ms: number; text: string }[] = JSON.parse(await service.says(/(\[.*\]) told/));
    const inAMinute = lines.map(({ ms }) => lines.filter((each) => each.ms >= ms && each.ms < ms + 60_000));
    expect(Math.max(...inAMinute.map(({ length }) => length)), service.output()).toBeLessThanOrEqual(2);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    const told = lines.map(({ text }) => text).join("\n");
    expect(told).toMatch(/takes no spans now: .*\d{2} wait|spans for .* are dropped, \d{2}/);
    expect(told).toMatch(/\d{2} lines of the log since the start did not reach/);
    expect(told).toMatch(/metrics did not reach \S+, \d+ times since the start/);
    expect(told).toMatch(/the browser's data: .*\d+ posts (wait|were dropped so far)/);
  },
);
