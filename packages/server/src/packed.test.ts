import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type RunningCollector, startCollector } from "@throughline/collector";
import type { SpanRecord } from "@throughline/core";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { buildPacked, type Packed, type Program } from "../test/program.ts";

// Each test starts a process or two.
vi.setConfig({ testTimeout: 30_000 });

let packed: Packed;
let collector: RunningCollector;

beforeAll(async () => {
  packed = await buildPacked(".packed-for-tests");
}, 60_000);
afterAll(() => packed.remove());

beforeEach(async () => {
  collector = await startCollector({ port: 0 });
});
afterEach(async () => {
  packed.killAll();
  await collector.stop();
});

function start(source: string, env: Record<string, string> = {}): Program {
  return packed.start(source, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env });
}

function spans(): readonly SpanRecord[] {
  return collector.collector.store
    .list({})
    .flatMap(({ traceId }) => collector.collector.store.getTrace(traceId));
}

/** A service whose `/down` calls its own `/leaf`, by fetch, node:http and a named import bound before the start. */
const SERVICE = `
  import http, { createServer, get } from "node:http";
  const { startTracing } = await import(process.env.PACKED + "/node.js");
  const tracing = await startTracing({ serviceName: "svc", route: ({ url }) => url });
  const server = createServer(async (request, response) => {
    const base = "http://127.0.0.1:" + server.address().port;
    if (request.url === "/leaf") return response.end(request.headers.traceparent ?? "none");
    if (request.url === "/down") await (await fetch(base + "/leaf")).text();
    if (request.url === "/named") await new Promise((done) => get(base + "/leaf", (r) => r.resume().on("end", done)));
    if (request.url === "/default") await new Promise((done) => http.get(base + "/leaf", (r) => r.resume().on("end", done)));
    response.end("ok");
  }).listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
`;

const CALLER = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const TRACEPARENT = `00-${CALLER.traceId}-${CALLER.spanId}-01`;

/** Sends one request with a caller's `traceparent`. */
async function call(port: string, path: string): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { traceparent: TRACEPARENT } })).text();
}

test.each(["grpc", "http/protobuf", "http/json"])(
  "a request to a plain Node service is one trace with exact parents over %s",
  async (protocol) => {
    const service = start(SERVICE, { OTEL_ENABLED: "true", OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
    await call(await service.says(/port (\d+)/), "/down");
    service.process.kill("SIGTERM");
    await service.exited;

    expect(service.output()).toMatch(new RegExp(`tracing on, svc → .* \\(${protocol}\\)`));
    const [down, client, leaf] = ["GET /down", "GET", "GET /leaf"].map((name) =>
      spans().find((span) => span.name === name),
    );
    expect(spans()).toHaveLength(3);
    expect([down?.kind, client?.kind, leaf?.kind]).toEqual(["server", "client", "server"]);
    expect([down?.traceId, down?.parentSpanId]).toEqual([CALLER.traceId, CALLER.spanId]);
    expect([client?.parentSpanId, leaf?.parentSpanId]).toEqual([down?.spanId, client?.spanId]);
    expect(leaf?.attributes["http.route"]).toBe("/leaf");
    expect(leaf?.resource["service.name"]).toBe("svc");
  },
);

test.each(["/named", "/default"])(
  "node:http imported before the start is traced: %s import",
  async (path) => {
    const service = start(SERVICE, { OTEL_ENABLED: "true", OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" });
    await call(await service.says(/port (\d+)/), path);
    service.process.kill("SIGTERM");
    await service.exited;
    expect(
      spans()
        .map((span) => span.kind)
        .sort(),
    ).toEqual(["client", "server", "server"]);
  },
);

test("upstream's instrumentations of http and undici, handed over, make no second span of a request, and are named", async () => {
  const service = start(
    `
    import { createRequire } from "node:module";
    import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
    import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
    const { startTracing } = await import(process.env.PACKED + "/node.js");
    await startTracing({
      serviceName: "svc",
      instrumentations: () => [new HttpInstrumentation(), new UndiciInstrumentation()],
    });
    // Upstream patches what is required from here on.
    const { createServer, get } = createRequire(import.meta.url)("http");
    const server = createServer(async (request, response) => {
      const base = "http://127.0.0.1:" + server.address().port;
      if (request.url === "/leaf") return response.end(request.headers.traceparent ?? "none");
      const told = await (await fetch(base + "/leaf")).text();
      get(base + "/leaf", (answer) => answer.resume().on("end", () => response.end(told)));
    }).listen(0, "127.0.0.1", () => console.log("port " + server.address().port));`,
    { OTEL_ENABLED: "true", OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" },
  );
  await call(await service.says(/port (\d+)/), "/down");
  service.process.kill("SIGTERM");
  await service.exited;
  const [root] = spans().filter(({ parentSpanId }) => parentSpanId === CALLER.spanId);
  const clients = spans().filter(({ parentSpanId }) => parentSpanId === root?.spanId);
  expect(clients.map(({ kind }) => kind)).toEqual(["client", "client"]);
  const leaves = clients.map(({ spanId }) => spans().filter(({ parentSpanId }) => parentSpanId === spanId));
  expect(leaves.map((below) => below.map(({ kind }) => kind))).toEqual([["server"], ["server"]]);
  expect(spans()).toHaveLength(5);
  for (const name of ["http", "undici"]) {
    expect(service.output().match(new RegExp(`@opentelemetry/instrumentation-${name}\\b`, "g"))).toHaveLength(
      1,
    );
  }
});

test("SIGTERM to a service without a handler of its own sends the last spans and still kills it", async () => {
  const service = start(SERVICE, { OTEL_ENABLED: "true", OTEL_BSP_SCHEDULE_DELAY: "60000" });
  await call(await service.says(/port (\d+)/), "/leaf");
  expect(spans()).toHaveLength(0);
  service.process.kill("SIGTERM");
  expect(await service.exited).toEqual([null, "SIGTERM"]);
  expect(spans()).toHaveLength(1);
});

test("a service with a once-listener of its own ends when that has drained it", async () => {
  const drains = `process.once("SIGTERM", () => process.once("SIGUSR2", () => process.exit(5)));`;
  const service = start(drains + SERVICE, { OTEL_ENABLED: "true", OTEL_BSP_SCHEDULE_DELAY: "60000" });
  await call(await service.says(/port (\d+)/), "/leaf");
  service.process.kill("SIGTERM");
  await vi.waitFor(() => expect(spans()).toHaveLength(1));
  service.process.kill("SIGUSR2");
  expect(await service.exited).toEqual([5, null]);
});

test("a service that drains and then sends itself the signal again loses nothing of the draining", async () => {
  const drains = `process.once("SIGTERM", () => setTimeout(async () => {
    const { withSpan } = await import(process.env.PACKED + "/node.js");
    withSpan("drained", () => undefined);
    process.kill(process.pid, "SIGTERM");
  }, 100));`;
  const service = start(drains + SERVICE, { OTEL_ENABLED: "true", OTEL_BSP_SCHEDULE_DELAY: "60000" });
  await call(await service.says(/port (\d+)/), "/leaf");
  service.process.kill("SIGTERM");
  expect(await service.exited).toEqual([null, "SIGTERM"]);
  expect(spans().map(({ name }) => name)).toContain("drained");
});

test.each([
  [
    // As signal-exit does, which execa and others bring along.
    "that takes itself for the only listener, and kills itself at once",
    `process.on("SIGTERM", function exits() {
      if (process.listenerCount("SIGTERM") > 1) return;
      process.removeListener("SIGTERM", exits);
      process.kill(process.pid, "SIGTERM");
    });`,
  ],
  [
    "with a once-listener before ours that kills at once",
    `process.prependOnceListener("SIGTERM", () => process.kill(process.pid, 15));`,
  ],
])("a service %s is obeyed, with the last spans", async (_, kills) => {
  const service = start(SERVICE + kills, { OTEL_ENABLED: "true", OTEL_BSP_SCHEDULE_DELAY: "60000" });
  await call(await service.says(/port (\d+)/), "/leaf");
  service.process.kill("SIGTERM");
  expect(await service.exited).toEqual([null, "SIGTERM"]);
  expect(spans()).toHaveLength(1);
});

test("a once-listener that was put before ours drains as long as it takes", async () => {
  const drains = `process.prependOnceListener("SIGTERM", () => setTimeout(() => process.exit(3), 400));`;
  const service = start(SERVICE + drains, { OTEL_ENABLED: "true" });
  await service.says(/port (\d+)/);
  service.process.kill("SIGTERM");
  expect(await service.exited).toEqual([3, null]);
});

test.each(["", "true"])(
  "a service that esbuild has bundled to CommonJS runs with OTEL_ENABLED=%j",
  async (enabled) => {
    const { outputFiles } = await build({
      stdin: {
        contents: `import { startTracing, withSpan } from "./node.js";
        startTracing({ serviceName: "svc" }).then(() => withSpan("bundled", () => console.log("it runs")));`,
        resolveDir: packed.folder,
      },
      bundle: true,
      platform: "node",
      format: "cjs",
      logLevel: "error",
      write: false,
    });
    await writeFile(join(packed.folder, "bundled.cjs"), outputFiles[0]?.contents ?? "");
    const service = start(`await import(process.env.PACKED + "/bundled.cjs");`, { OTEL_ENABLED: enabled });
    expect((await service.exited)[0]).toBe(0);
    expect(service.output()).toContain("it runs");
    expect(spans().map(({ name }) => name)).toEqual(enabled ? ["bundled"] : []);
  },
);

const ENDING = `
  const { startTracing, withSpan } = await import(process.env.PACKED + "/node.js");
  const tracing = await startTracing({ serviceName: "job" });
  withSpan("last work", () => undefined);
`;

test.each<[string, string, number]>([
  ["process.exit keeps its code", "process.exit(7);", 7],
  ["process.exit keeps process.exitCode", "process.exitCode = 9; process.exit();", 9],
  ["an end without work keeps code 0", "", 0],
])("%s and sends the last spans", async (_, ending, code) => {
  const job = start(ENDING + ending, { OTEL_ENABLED: "true", OTEL_BSP_SCHEDULE_DELAY: "60000" });
  expect((await job.exited)[0]).toBe(code);
  expect(spans().map((span) => span.name)).toEqual(["last work"]);
});

test("what a listener of the end does with spans is sent too", async () => {
  const ending = `process.once("beforeExit", () => setTimeout(() => withSpan("clean-up", () => undefined), 50));`;
  const job = start(ENDING + ending, { OTEL_ENABLED: "true", OTEL_BSP_SCHEDULE_DELAY: "60000" });
  expect((await job.exited)[0]).toBe(0);
  const names = spans().map((span) => span.name);
  expect(names.sort()).toEqual(["clean-up", "last work"]);
});

test("what runs on after process.exit, held for the last spans, changes nothing of how the process ends", async () => {
  const job = start(
    `${ENDING} process.exit(7); queueMicrotask(() => process.exit(1)); process.exitCode = 4; throw new Error("runs on");`,
    { OTEL_ENABLED: "true", OTEL_BSP_SCHEDULE_DELAY: "60000" },
  );
  expect((await job.exited)[0]).toBe(7);
  expect(job.output()).not.toContain("runs on");
  expect(spans().map((span) => span.name)).toEqual(["last work"]);
});

test("process.exit does not return where nothing waits to be sent", async () => {
  const job = start(`${ENDING} await tracing.flush(); process.exit(2); console.log("runs on");`, {
    OTEL_ENABLED: "true",
  });
  expect((await job.exited)[0]).toBe(2);
  expect(job.output()).not.toContain("runs on");
});

test.each([
  ["an end without work", ""],
  ["process.exit", "process.exit(3);"],
  ["a signal", 'process.kill(process.pid, "SIGTERM"); setTimeout(() => undefined, 60_000);'],
  ["an exception that nobody catches", 'throw new Error("disk full");'],
])("what %s leaves behind without a collector is told", async (_, ending) => {
  const job = start(ENDING + ending, {
    OTEL_ENABLED: "true",
    OTEL_BSP_SCHEDULE_DELAY: "60000",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
  });
  await job.closed;
  expect(job.output()).toMatch(
    /the process ends, and 1 span is lost: the collector at http:\/\/127\.0\.0\.1:1\/v1\/traces has not taken it\. Start it/,
  );
});

test("a console.warn of the app's that throws does not keep a signal from ending it", async () => {
  const job = start(
    `${ENDING} console.warn = (text) => { if (text.includes("the process ends")) throw new Error("no log"); }; process.kill(process.pid, "SIGTERM"); setTimeout(() => undefined, 20_000);`,
    {
      OTEL_ENABLED: "true",
      OTEL_BSP_SCHEDULE_DELAY: "60000",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
    },
  );
  expect((await job.closed)[1]).toBe("SIGTERM");
});

test("an end that leaves nothing behind says nothing", async () => {
  const job = start(`${ENDING} process.exit(0);`, { OTEL_ENABLED: "true" });
  await job.closed;
  expect(job.output()).not.toContain("the process ends");
});

test("a collector that never answers holds an exit back for a second at most", async () => {
  const { createServer } = await import("node:net");
  const silent = createServer(() => undefined);
  await once(silent.listen(0, "127.0.0.1"), "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const job = start(
    `${ENDING} const from = performance.now(); process.on("exit", () => console.log("held " + Math.round(performance.now() - from))); process.exit(3);`,
    {
      OTEL_ENABLED: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    },
  );
  expect((await job.exited)[0]).toBe(3);
  expect(Number(/held (\d+)/.exec(job.output())?.[1])).toBeLessThan(1200);
  silent.close();
});

test("stop takes every patch and listener away", async () => {
  const job = start(
    `
    import { hasSubscribers } from "node:diagnostics_channel";
    import http from "node:http";
    import https from "node:https";
    const channels = ["undici:request:create", "http.client.response.finish", "http.server.request.start"];
    const state = () => [process.exit, process.listenerCount("SIGTERM"), ...channels.map(hasSubscribers)];
    // Node 20 needs the patch, Node 22.12 has a channel for it.
    const client = () => [http.request, http.get, https.request, https.get, hasSubscribers("http.client.request.created")];
    const differs = (some, others) => some.map((each, i) => each !== others[i]);
    const clientBefore = client();
    const before = state();
    ${ENDING}
    const during = state();
    const clientPatched = differs(client(), clientBefore).includes(true);
    await tracing.stop();
    const after = state();
    const left = [...differs(after, before), ...differs(client(), clientBefore)];
    console.log("patched " + (clientPatched && !differs(during, before).includes(false)) + " restored " + !left.includes(true));
  `,
    { OTEL_ENABLED: "true" },
  );
  await job.exited;
  expect(job.output()).toContain("patched true restored true");
  expect(spans().map((span) => span.name)).toEqual(["last work"]);
});

test.each(["index.js", "node.js"])("%s loads no SDK and says nothing while tracing is off", async (entry) => {
  const job = start(`
    import { request } from "node:http";
    const before = [fetch, request, process.exit];
    const entry = await import(process.env.PACKED + "/${entry}");
    await (entry.register ?? entry.startTracing)();
    const isNative = [fetch, request, process.exit].every((each, index) => each === before[index]);
    console.log(process.env.NEXT_OTEL_FETCH_DISABLED ?? "untouched", globalThis[Symbol.for("opentelemetry.js.api.1")]?.trace ?? "no tracer", isNative);
  `);
  await job.exited;
  expect(job.output()).toBe("untouched no tracer true\n");
  const text = await readFile(join(packed.folder, entry), "utf8");
  const chunks = await staticImports(text);
  expect(chunks.some((chunk) => chunk.startsWith("start-"))).toBe(false);
});

test("a bad setting costs one warning in config, instrumentation and route together, and the app runs untraced", async () => {
  const job = start(
    `
    const { withTracing } = await import(process.env.PACKED + "/next-config.js");
    withTracing({});
    const { POST } = await import(process.env.PACKED + "/ingest.js");
    await POST(new Request("http://shop.test/api/tl/v1/traces", { method: "POST", body: "{}" }));
    const { register } = await import(process.env.PACKED + "/index.js");
    await register();
    console.log("runs");
  `,
    { OTEL_ENABLED: "true", OTEL_TRACES_SAMPLER_ARG: "2", OTEL_EXPORTER_OTLP_PROTOCOL: "carrier-pigeon" },
  );
  expect((await job.exited)[0]).toBe(0);
  const lines = job.output().trim().split("\n").sort();
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^@throughline\/server: tracing stays off: /);
  expect(lines[0]).toContain('OTEL_EXPORTER_OTLP_PROTOCOL="carrier-pigeon"');
  expect(lines[0]).toContain('OTEL_TRACES_SAMPLER_ARG="2"');
  expect(lines[1]).toBe("runs");
});

test("a broken instrumentation of the user's leaves the app running", async () => {
  const job = start(
    `
    const { register } = await import(process.env.PACKED + "/index.js");
    await register({ instrumentations: () => { throw new Error("pg is not installed"); } });
    console.log("runs");
  `,
    { OTEL_ENABLED: "true" },
  );
  expect((await job.exited)[0]).toBe(0);
  expect(job.output()).toMatch(/tracing stays off: pg is not installed/);
  expect(job.output()).toContain("runs");
});

test("register starts once, however often the server calls it", async () => {
  const job = start(
    `
    const { register } = await import(process.env.PACKED + "/index.js");
    await Promise.all([register(), register()]);
  `,
    { OTEL_ENABLED: "true" },
  );
  await job.exited;
  expect(job.output().match(/tracing on/g)).toHaveLength(1);
});

test("propagateTo keeps traceparent from every other origin", async () => {
  const service = start(
    `
    import { createServer } from "node:http";
    const { startTracing } = await import(process.env.PACKED + "/node.js");
    const echo = () => new Promise((resolve) => { const s = createServer((q, r) => r.end(q.headers.traceparent ?? "none")).listen(0, "127.0.0.1", () => resolve(s)); });
    const [friend, stranger] = await Promise.all([echo(), echo()]);
    const origin = (server) => "http://127.0.0.1:" + server.address().port;
    await startTracing({ propagateTo: [origin(friend)] });
    const ask = async (server) => (await (await fetch(origin(server))).text()).slice(0, 3);
    console.log("got " + (await ask(friend)) + " " + (await ask(stranger)) + " " + (await ask(friend)) + ".");
    process.exit(0);
  `,
    { OTEL_ENABLED: "true" },
  );
  await service.exited;
  expect(service.output()).toContain("got 00- non 00-.");
});

test.each(["index", "jobs", "logs"])(
  "the edge entry of %s names no Node module and no SDK",
  async (entry) => {
    const text = await readFile(join(packed.folder, `${entry}.edge.js`), "utf8");
    expect(text).not.toMatch(/node:|createRequire|process\./);
    const imported = [...text.matchAll(/from "([^"]+)"/g)].map((match) => match[1]);
    expect(["@opentelemetry/api", "@throughline/core", "@throughline/core/attributes"]).toEqual(
      expect.arrayContaining(imported),
    );
  },
);

test("the edge entries do nothing but what they carry on", async () => {
  const edge = (await import(join(packed.folder, "index.edge.js"))) as typeof import("./index.edge.ts");
  await edge.register();
  expect(edge.withSpan("edge", (span) => span.isRecording())).toBe(false);
  const logs = (await import(join(packed.folder, "logs.edge.js"))) as typeof import("./logs.edge.ts");
  logs.pinoOtlpStream().write("x");
  let taken = 0;
  logs.winstonOtlpTransport().log({}, () => {
    taken += 1;
  });
  expect([logs.traceFields(), taken]).toEqual([{}, 1]);
});

/** Names of the chunks a module loads without being asked. */
async function staticImports(text: string): Promise<readonly string[]> {
  const names = [...text.matchAll(/(?:from|^import) "\.\/(?:chunks\/)?([^"]+)"/gm)].map(
    (match) => match[1] ?? "",
  );
  const below = await Promise.all(
    names.map(async (name) => staticImports(await readFile(join(packed.folder, "chunks", name), "utf8"))),
  );
  return [...names, ...below.flat()];
}

/** The chunk with the SDK, behind the entries. */
const SDK = /^start-\w+\.js$/;

test("the SDK is one chunk behind the entries", async () => {
  const chunks = await readdir(join(packed.folder, "chunks"));
  expect(chunks.filter((name) => SDK.test(name))).toHaveLength(1);
});

test.each(["export-logs", "start-metrics", "metric-exporter"])(
  "%s is loaded only where that is asked for",
  async (name) => {
    const sdk = (await readdir(join(packed.folder, "chunks"))).find((chunk) => SDK.test(chunk)) ?? "";
    const text = await readFile(join(packed.folder, "chunks", sdk), "utf8");
    const loaded = await staticImports(text);
    expect(text).toContain(`import("./${name}-`);
    expect(loaded.filter((chunk) => chunk.startsWith(`${name}-`))).toEqual([]);
  },
);

test("the lines of a console leave with the trace they were written in, before the process ends", async () => {
  const posts: string[] = [];
  const collecting = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.url === "/v1/logs") posts.push(body);
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  }).listen(0, "127.0.0.1");
  await once(collecting, "listening");
  const job = start(
    `
    const { startTracing, currentTrace, withSpan } = await import(process.env.PACKED + "/node.js");
    const { traceConsole } = await import(process.env.PACKED + "/logs.js");
    await startTracing();
    traceConsole();
    withSpan("work", () => {
      console.warn("inside %d", 1);
      console.info("id " + currentTrace().traceId);
    });
    process.exit(0);
  `,
    {
      OTEL_ENABLED: "true",
      OTEL_LOGS_EXPORTER: "otlp",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collecting.address() as AddressInfo).port}`,
    },
  );
  const traceId = await job.says(/id ([0-9a-f]{32})/);
  await job.exited;
  collecting.close();
  expect(job.output()).toContain(`inside 1 trace_id=${traceId} span_id=`);
  const records = posts.flatMap((post) => JSON.parse(post).resourceLogs[0].scopeLogs[0].logRecords);
  expect(records.map((record) => [record.body.stringValue, record.traceId])).toEqual([
    ["inside 1", traceId],
    [`id ${traceId}`, traceId],
  ]);
});

interface ExportedMetric {
  readonly name: string;
  readonly [kind: string]: unknown;
}

test("metrics are sent when asked for, of unsampled requests too, the last ones at the end", async () => {
  const received: ExportedMetric[] = [];
  const receiver = createServer(async (request, response) => {
    const body = JSON.parse(await text(request)) as {
      resourceMetrics: { scopeMetrics: { metrics: ExportedMetric[] }[] }[];
    };
    if (request.url === "/v1/metrics") {
      for (const { scopeMetrics } of body.resourceMetrics)
        received.push(...scopeMetrics.flatMap(({ metrics }) => metrics));
    }
    response.setHeader("content-type", "application/json").end("{}");
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const service = start(SERVICE, {
    OTEL_ENABLED: "true",
    OTEL_METRICS_ENABLED: "true",
    OTEL_TRACES_SAMPLER_ARG: "0",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/v1/metrics`,
  });
  const port = await service.says(/port (\d+)/);
  for (const path of ["/leaf", "/leaf", "/healthz"])
    await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  service.process.kill("SIGTERM");
  await service.exited;
  receiver.close();

  expect(spans()).toEqual([]);
  const durations = received.findLast(({ name }) => name === "http.server.request.duration");
  expect(durations?.histogram).toMatchObject({
    dataPoints: [
      {
        count: 2,
        attributes: expect.arrayContaining([
          { key: "http.route", value: { stringValue: "/leaf" } },
          { key: "http.response.status_code", value: { intValue: 200 } },
        ]),
      },
    ],
  });
  const names = received.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(["system.cpu.time", "process.memory.usage", "throughline.spans.dropped"]),
  );
});

test("without OTEL_METRICS_ENABLED nothing of metrics is sent or loaded", async () => {
  const service = start(
    `${SERVICE}
    const { metrics } = await import("@opentelemetry/api");
    console.log("meters " + metrics.getMeterProvider().constructor.name);`,
    { OTEL_ENABLED: "true" },
  );
  expect(await service.says(/meters (\w+)/)).toBe("NoopMeterProvider");
});
