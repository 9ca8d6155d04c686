import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { createProcesses } from "../../../scripts/processes.mjs";
import { type NextApp, serveNextApp, startNextApp } from "./next-app.ts";
import { type Downstream, startDownstream } from "./server-matrix/downstream.ts";
import { type OtlpRecorder, startOtlpRecorder } from "./server-matrix/otlp-recorder.ts";
import { awaitTrace, flushAt, lines, listTraces, newTraceparent } from "./trace-reading.ts";

const PROBES = 1000;
const TOGETHER = 20;

test.describe.configure({ mode: "default" });
const processes = createProcesses();
let downstream: Downstream;

test.beforeAll(async () => {
  downstream = await startDownstream();
});
test.afterAll(async () => {
  await processes.stopAll();
  await downstream.stop();
});

const root = (dist: string): string => fileURLToPath(new URL(`fixtures/edge-app/${dist}/`, import.meta.url));

interface EdgeManifest {
  readonly middleware: Readonly<Record<string, { readonly files: readonly string[] }>>;
  readonly functions: EdgeManifest["middleware"];
}

/** What edge middleware and the edge route were compiled to, `instrumentation.js` included. */
function edgeCode(dist: string): string {
  const manifest = readFileSync(`${root(dist)}server/middleware-manifest.json`, "utf8");
  const { middleware, functions } = JSON.parse(manifest) as EdgeManifest;
  const parts = [...Object.values(middleware), ...Object.values(functions)];
  expect(parts).toHaveLength(2);
  const files = new Set(parts.flatMap((part) => part.files));
  expect([...files].filter((file) => /instrumentation/.test(file))).not.toEqual([]);
  return [...files].map((file) => readFileSync(root(dist) + file, "utf8")).join("\n");
}

/** What the browser is sent. */
function clientCode(dist: string): string {
  const files = readdirSync(`${root(dist)}static`, { recursive: true }).map(String);
  const code = files.filter((file) => file.endsWith(".js"));
  return code.map((file) => readFileSync(join(root(dist), "static", file), "utf8")).join("\n");
}

// https://nextjs.org/docs/app/api-reference/edge#apis
const IN_THE_EDGE = ["assert", "async_hooks", "buffer", "events", "util"];

/** Modules of Node that this code asks for by either name. */
function builtinsIn(code: string): readonly string[] {
  const asked = code.matchAll(/(?:\brequire\(|\bfrom\s*|\bimport\(|\bimport\s*)["'](?:node:)?([\w/]+)["']/g);
  return [...new Set([...asked].map(([, name = ""]) => name))].filter((name) => isBuiltin(name));
}

type Probe = readonly [path: string, headers: Readonly<Record<string, string>>];

function withAndWithoutCaller(path: string, headers: Probe[1]): readonly Probe[] {
  return [
    [path, headers],
    [path, { ...headers, traceparent: newTraceparent().header }],
  ];
}

const ASKED = [
  ...withAndWithoutCaller("/healthz", {}),
  ...withAndWithoutCaller("/api/health", {}),
  ...withAndWithoutCaller("/orders", { "user-agent": "kube-probe/1.31" }),
  ...withAndWithoutCaller("/orders", { rsc: "1", "next-router-prefetch": "1" }),
];

const SDK = /BatchSpanProcessor|AsyncLocalStorageContextManager|diagnostics_channel/;

for (const bundler of ["Turbopack", "webpack"]) {
  test.describe(bundler, () => {
    const dist = `.next-edge-${bundler}`;
    const service = `edge-${bundler}`;
    let origin = "";
    /** Of the metrics; the traces are with the collector. */
    let recorder: OtlpRecorder;

    const metricsTo = ({ env }: OtlpRecorder): Record<string, string> => ({
      OTEL_METRICS_ENABLED: "true",
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: env.OTEL_EXPORTER_OTLP_ENDPOINT ?? "",
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/json",
    });
    const app = (): NextApp => ({
      processes,
      folder: "edge-app",
      serviceName: service,
      webpack: bundler === "webpack",
      env: { NEXT_DIST_DIR: dist, DOWNSTREAM_URL: downstream.url, ...metricsTo(recorder) },
    });

    test.beforeAll(async () => {
      test.setTimeout(240_000);
      recorder = await startOtlpRecorder();
      origin = await startNextApp(app());
    });
    test.afterAll(() => recorder.stop());

    /** The header that the downstream server got with the last request to this path. */
    const headerOf = (path: string): unknown =>
      downstream.received.filter((each) => each.path === path).at(-1)?.headers.traceparent;

    test("a trace passes an edge route behind edge middleware", async () => {
      const caller = newTraceparent();
      const response = await fetch(`${origin}/api/edge`, { headers: { traceparent: caller.header } });
      expect(response.status).toBe(200);
      expect(response.headers.get("x-middleware")).toBe("seen");
      const document = await awaitTrace(caller.traceId, [`GET /api/edge · server · ${service}`]);
      const servers = document.spans.filter(({ kind }) => kind === "server");
      expect(servers, lines(document).join("\n")).toHaveLength(1);
      const call = document.spans.find(({ kind }) => kind === "client");
      expect(headerOf("/edge")).toBe(`00-${caller.traceId}-${call?.spanId}-01`);
    });

    test("a trace passes a Node route behind edge middleware", async () => {
      const caller = newTraceparent();
      await fetch(`${origin}/api/down`, { headers: { traceparent: caller.header } });
      const document = await awaitTrace(caller.traceId, [`GET /api/down · server · ${service}`]);
      expect(document.spans.filter(({ kind }) => kind === "server")).toHaveLength(1);
      expect(headerOf("/down")).toContain(caller.traceId);
    });

    test("what runs in the edge runtime or the browser holds no SDK and asks for no module of Node", () => {
      const edge = edgeCode(dist);
      expect(edge).not.toMatch(SDK);
      expect(builtinsIn(edge).filter((name) => !IN_THE_EDGE.includes(name))).toEqual([]);
      const client = clientCode(dist);
      // The tracing is in it.
      expect(client).toContain("@throughline/web");
      expect(client).not.toMatch(SDK);
      expect(builtinsIn(client)).toEqual([]);
    });

    /** What has come out of the app so far: its traces, and the requests that its metrics have counted. */
    async function toldSoFar() {
      await flushAt(`${origin}/api/tl/flush`);
      const traces = (await listTraces({ service })).map(({ traceId }) => traceId).sort();
      return { traces, requests: recorder.requests(), series: recorder.series() };
    }

    /** A request that is traced; resolves with its trace when that is with the collector. */
    async function visitOrders(): Promise<string> {
      const { traceId, header } = newTraceparent();
      await fetch(`${origin}/orders`, { headers: { traceparent: header } });
      await awaitTrace(traceId, [`GET /orders · server · ${service}`]);
      expect(headerOf("/orders")).toContain(traceId);
      return traceId;
    }

    /** Of all that is asked for here, the visit at the end is the one that is told. */
    async function expectNothingOf(requests: readonly Probe[]): Promise<void> {
      // When it is answered register() is over.
      await visitOrders();
      const before = await toldSoFar();
      for (let at = 0; at < requests.length; at += TOGETHER) {
        await Promise.all(
          requests.slice(at, at + TOGETHER).map(async ([path, headers], index) => {
            // Of which there is no other request here: one that counted would be a series of its own.
            const method = index % 3 === 0 ? "HEAD" : "GET";
            const response = await fetch(origin + path, { method, headers });
            await response.arrayBuffer();
            expect(response.status, path).toBe(200);
            expect(response.headers.get("server-timing"), path).toBeNull();
          }),
        );
      }
      const after = await visitOrders();
      const { "GET /orders 200": orders = 0 } = before.requests;
      expect(orders).toBeGreaterThan(0);
      await expect.poll(toldSoFar).toEqual({
        traces: [...before.traces, after].sort(),
        requests: { ...before.requests, "GET /orders 200": orders + 1 },
        series: before.series,
      });
    }

    test(`${PROBES} probes and prefetches make no span and no series and send nothing on, whatever their caller says`, async () => {
      const before = downstream.received.length;
      await expectNothingOf(Array.from({ length: PROBES / ASKED.length }, () => ASKED).flat());
      // Without the two visits.
      const sentOn = downstream.received.slice(before + 1, -1);
      // A prefetch does not run the page.
      expect(sentOn).toHaveLength((PROBES * 3) / 4);
      expect(sentOn.filter(({ headers }) => headers.traceparent !== undefined)).toEqual([]);
    });

    test("a request of noise that comes while register() runs is in no series", async () => {
      const early = await startOtlpRecorder();
      const url = await serveNextApp(app(), { ...metricsTo(early) });
      await fetch(`${url}/healthz`);
      const { traceId, header } = newTraceparent();
      await fetch(`${url}/orders`, { headers: { traceparent: header } });
      await awaitTrace(traceId, [`GET /orders · server · ${service}`]);
      await expect
        .poll(async () => {
          await flushAt(`${url}/api/tl/flush`);
          return early.requests();
        })
        .toEqual({ "GET /orders 200": 1 });
      await early.stop();
    });

    test("the files of the build make no span and no series, whatever their caller says", async () => {
      const files = readdirSync(`${root(dist)}static`, { recursive: true, withFileTypes: true });
      const paths = files
        .filter((file) => file.isFile())
        .map(({ parentPath, name }) => relative(root(dist), join(parentPath, name)));
      expect(paths.length).toBeGreaterThan(5);
      await expectNothingOf(paths.flatMap((path) => withAndWithoutCaller(`/_next/${path}`, {})));
    });
  });
}
