import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { createProcesses } from "../../../scripts/processes.mjs";
import { startNextApp } from "./next-app.ts";
import { type Downstream, startDownstream } from "./server-matrix/downstream.ts";
import { awaitTrace, lines, listTraces, newTraceparent, readTrace } from "./trace-reading.ts";

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

/** What edge middleware and edge routes were compiled to. */
function edgeCode(dist: string): string {
  const root = fileURLToPath(new URL(`fixtures/edge-app/${dist}/server/`, import.meta.url));
  const files = readdirSync(root, { recursive: true }).map(String);
  const edge = files.filter((file) => /(^|[\\/])edge[\\/].*\.js$|^(middleware|edge-[\w-]+)\.js$/.test(file));
  expect(edge.length, "files of the edge runtime").toBeGreaterThan(0);
  return edge.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
}

// webpack does not build this app in Next.js 16.4.6: it looks for the edge route's client-reference-manifest, which it
// has not written. It does build an edge route alone.
for (const bundler of ["Turbopack"]) {
  test.describe(bundler, () => {
    const dist = `.next-edge-${bundler}`;
    const service = `edge-${bundler}`;
    let origin = "";

    test.beforeAll(async () => {
      test.setTimeout(240_000);
      origin = await startNextApp({
        processes,
        folder: "edge-app",
        serviceName: service,
        webpack: bundler === "webpack",
        env: { NEXT_DIST_DIR: dist, DOWNSTREAM_URL: downstream.url },
      });
    });

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

    test("what runs in the edge runtime holds no SDK and asks for no module of Node", () => {
      const code = edgeCode(dist);
      expect(code).not.toMatch(/BatchSpanProcessor|AsyncLocalStorageContextManager|diagnostics_channel/);
      expect(code).not.toMatch(/(require\(|from\s?)["']node:(http|fs|module|diagnostics_channel|stream)["']/);
    });

    test(`${PROBES} probes and prefetches make no span and send nothing on, whatever their caller says`, async () => {
      const callers = Array.from({ length: PROBES }, () => newTraceparent());
      const kinds = [
        ["/healthz", {}],
        ["/api/health", {}],
        ["/orders", { "user-agent": "kube-probe/1.31" }],
        ["/orders", { rsc: "1", "next-router-prefetch": "1" }],
      ] as const;
      const before = downstream.received.length;
      for (let at = 0; at < PROBES; at += TOGETHER) {
        await Promise.all(
          callers.slice(at, at + TOGETHER).map(async ({ header }, index) => {
            const [path, headers] = kinds[index % kinds.length] ?? ["/healthz", {}];
            const traceparent = index % 2 < 1 ? { traceparent: header } : {};
            const response = await fetch(origin + path, { headers: { ...headers, ...traceparent } });
            await response.arrayBuffer();
            expect(response.headers.get("server-timing")).toBeNull();
          }),
        );
      }
      const sentOn = downstream.received.slice(before);
      expect(sentOn.length).toBeGreaterThan(PROBES / 2);
      expect(sentOn.filter(({ headers }) => headers.traceparent !== undefined)).toEqual([]);
      // A request that is traced, sent after them: what they had made would be there too.
      const after = newTraceparent();
      await fetch(`${origin}/orders`, { headers: { traceparent: after.header } });
      await awaitTrace(after.traceId, [`GET /orders · server · ${service}`]);
      expect(headerOf("/orders")).toContain(after.traceId);
      const traces = await listTraces({ service });
      expect(traces.filter(({ name }) => /health|kube/.test(name))).toEqual([]);
      for (const { traceId } of callers.slice(0, TOGETHER)) expect(await readTrace(traceId)).toBeUndefined();
    });
  });
}
