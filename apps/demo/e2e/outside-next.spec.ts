import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page, Request } from "@playwright/test";
import { parseTraceparent } from "@throughline/core";
import { expect, span, test } from "@throughline/playwright";
import { build, createServer, type InlineConfig, type ViteDevServer } from "vite";
import { freePort, portAnswers } from "../../../scripts/ports.mjs";
import { createProcesses } from "../../../scripts/processes.mjs";
import { tracingEnv } from "./environment.ts";
import { heapBytes } from "./heap-bytes.ts";
import { startPolicySite, watchComplaints } from "./policy-site.ts";
import { postedSpan } from "./posted-span.ts";
import { decideSession } from "./session-decision.ts";
import { awaitTrace, lines, spanOf } from "./trace-reading.ts";

// One worker for the whole file: the servers are its own.
test.describe.configure({ mode: "default" });

const viteApp = fileURLToPath(new URL("../../vite/", import.meta.url));
const scriptPage = fileURLToPath(new URL("fixtures/script-page.mjs", import.meta.url));
const processes = createProcesses();
let viteUrl = "";
let scriptUrl = "";

test.beforeAll(async () => {
  await build({ root: viteApp, logLevel: "error" });
  [viteUrl, scriptUrl] = await Promise.all([
    startService("vite-api", join(viteApp, "server.mjs")),
    startService("script-api", scriptPage),
  ]);
});

test.afterAll(() => processes.stopAll());

const VITE_TRACE = [
  "click Buy · internal · vite-web",
  "  GET /api/stock · client · vite-web",
  "    GET /api/stock · server · vite-api",
  "  POST /api/orders · client · vite-web",
  "    POST /api/orders · server · vite-api",
  "  GET /api/receipts · client · vite-web",
  "    GET /api/receipts · server · vite-api",
];

test("Vite and React: everything the click awaits is one trace down to the Node service", async ({
  page,
  otel,
}) => {
  await page.goto(viteUrl);
  const trace = await otel.during(() => page.getByRole("button", { name: "Buy" }).click());
  for (const [method, path] of [
    ["GET", "/api/stock"],
    ["POST", "/api/orders"],
    ["GET", "/api/receipts"],
  ] as const)
    await expect(trace).toHavePath([span.click("Buy"), span.client(method, path), span.server(method, path)]);
  await expect(trace).toBeConnected();
});

test("Vite and React: after each await the parent is exactly the click", async ({ page }) => {
  await page.goto(viteUrl);
  await expectExactTrace(page, VITE_TRACE, ["/api/stock", "/api/orders", "/api/receipts"]);
});

test("Vite and React: ten clicks at once never cross", async ({ page }) => {
  await page.goto(viteUrl);
  const sent = requestsOf(page);
  const { x, y, width, height } = (await page.getByRole("button", { name: "Buy" }).boundingBox()) ?? fail();
  await page.mouse.move(x + width / 2, y + height / 2);
  await Promise.all(Array.from({ length: 10 }, () => Promise.all([page.mouse.down(), page.mouse.up()])));
  await expect.poll(() => sent.length).toBe(30);
  // They did overlap.
  expect(sent.slice(0, 3).map(pathOf)).toEqual(["/api/stock", "/api/stock", "/api/stock"]);
  const traceIds = new Set(sent.map((request) => contextOf(request).traceId));
  expect(traceIds.size).toBe(10);
  for (const traceId of traceIds) {
    const requests = sent.filter((request) => contextOf(request).traceId === traceId);
    expect(requests.map(pathOf)).toEqual(["/api/stock", "/api/orders", "/api/receipts"]);
    const document = await awaitTrace(
      traceId,
      VITE_TRACE.map((line) => line.trim()),
    );
    expect(lines(document)).toEqual(VITE_TRACE);
  }
});

test("Vite in dev: the same parents without a build", async ({ page }) => {
  await withDevServer({}, async (url) => {
    await page.goto(url);
    await expectExactTrace(page, VITE_TRACE, ["/api/stock", "/api/orders", "/api/receipts"]);
  });
});

test("Vite in dev: the classic preset makes the same trace with exact parents", async ({ page }) => {
  const classic = { find: /^@throughline\/web$/, replacement: "@throughline/web/classic" };
  await withDevServer({ resolve: { alias: [classic] } }, async (url) => {
    await page.goto(url);
    expect(await page.evaluate(() => "Zone" in globalThis)).toBe(true);
    await expectExactTrace(page, VITE_TRACE, ["/api/stock", "/api/orders", "/api/receipts"]);
  });
});

/** Has Vite take updates of these two in the page that is there, and the page count them. */
const takeUpdates = {
  name: "take-updates",
  transform(code: string, id: string) {
    const [name] = /(?<=\/src\/)(tracing|main)(?=\.tsx?$)/.exec(id) ?? [];
    if (!name) return undefined;
    // One root for all of them, as with Fast Refresh.
    const mended = code.replace("createRoot(root)", "(globalThis.shown ??= $&)");
    return `${mended}\nglobalThis.${name} = (globalThis.${name} ?? 0) + 1; import.meta.hot.accept();`;
  },
};

for (const { what, file, counter } of [
  { what: "the module that starts tracing", file: "src/tracing.ts", counter: "tracing" },
  { what: "the page", file: "src/main.tsx", counter: "main" },
])
  test(`Vite in dev: after 50 hot updates of ${what} a fetch is still one span, and the heap has grown by less than 1 MB`, async ({
    page,
  }) => {
    await withDevServer({ plugins: [takeUpdates] }, async (url, server) => {
      let loads = 0;
      page.on("load", () => {
        loads++;
      });
      await page.goto(url);
      const { client } = server.environments;
      const awaitRuns = (runs: number) =>
        expect.poll(() => page.evaluate(`globalThis.${counter}`)).toBe(runs);
      await awaitRuns(1);
      const buy = () => expectExactTrace(page, VITE_TRACE, ["/api/stock", "/api/orders", "/api/receipts"]);
      await buy();
      const before = await heapBytes(page);
      for (let update = 1; update <= 50; update++) {
        const [module] = client.moduleGraph.getModulesByFile(join(viteApp, file)) ?? [];
        if (!module) throw new Error(`the page has not asked for ${file}`);
        await client.reloadModule(module);
        await awaitRuns(1 + update);
      }
      await buy();
      const grown = (await heapBytes(page)) - before;
      expect(grown).toBeLessThan(1_000_000);
      expect(loads, "updates, no reloads").toBe(1);
    });
  });

test("without the plugin what follows an await is marked as inferred", async ({ page }) => {
  await withDevServer({ configFile: false }, async (url) => {
    await page.goto(url);
    const sent = requestsOf(page);
    await page.getByRole("button", { name: "Buy" }).click();
    await expect(page.getByText("order 1001")).toBeVisible();
    const { traceId } = contextOf(sent[0]);
    const document = await awaitTrace(traceId, [
      "GET /api/stock · client · vite-web",
      "POST /api/orders · client · vite-web",
    ]);
    expect(spanOf(document, "GET /api/stock", "client").attributes).not.toHaveProperty("throughline.parent");
    expect(spanOf(document, "POST /api/orders", "client").attributes).toMatchObject({
      "throughline.parent": "inferred",
    });
  });
});

const INSTRUMENTS = [
  "offlineQueue",
  "traceErrors",
  "traceInteractions",
  "traceNavigation",
  "traceOtherClicks",
  "tracePageLoad",
  "traceResourceTiming",
  "traceSession",
  "traceWebVitals",
  "traceXhr",
];
const ALL = `[${INSTRUMENTS.map((name) => `web.${name}()`)}]`;

for (const { how, tracing } of [
  {
    how: "with every instrument",
    tracing: `import * as web from "@throughline/web";
      web.startWebTracing({ serviceName: "vite-web", instruments: ${ALL} });`,
  },
  {
    how: "with the stub and what it loads",
    tracing: `import { startWebTracing } from "@throughline/web/lazy";
      const load = async () => { const web = await import("@throughline/web"); return ${ALL}; };
      startWebTracing({ serviceName: "vite-web", sampleRatio: 0.5, instruments: load });`,
  },
]) {
  test(`Vite and React under default-src 'self', ${how}: nothing is refused, nothing is said, the trace arrives`, async ({
    page,
  }) => {
    const site = await startPolicySite({
      policy: "default-src 'self'",
      files: await filesTracedBy(tracing),
      addressOf: (path) =>
        path.startsWith("/api/tl/")
          ? (process.env.THROUGHLINE_COLLECTOR_URL ?? "") + path.slice("/api/tl".length)
          : viteUrl + path,
    });
    try {
      const complaints = await watchComplaints(page);
      const scripts = new Set<string>();
      page.on("request", (request) => request.resourceType() === "script" && scripts.add(pathOf(request)));
      await decideSession(page, "1");
      // Told by the library that is loaded for it.
      await Promise.all([postedSpan(page, "web vital TTFB"), page.goto(site.url)]);
      await expectExactTrace(page, VITE_TRACE, ["/api/stock", "/api/orders", "/api/receipts"]);
      expect(complaints).toEqual([]);
      expect(scripts.size, "loaded by import() too").toBeGreaterThan(1);
    } finally {
      site.stop();
    }
  });
}

/** The app's build with another `src/tracing.ts`, by its paths. */
async function filesTracedBy(tracing: string) {
  const built = await build({
    root: viteApp,
    logLevel: "error",
    build: { write: false },
    plugins: [
      { name: "tracing", load: (id) => (id.endsWith("/src/tracing.ts") ? tracing : undefined) },
      // The policy holds for the app's own icon too.
      { name: "icon", transformIndexHtml: (html) => html.replace("data:,", "/icon.svg") },
    ],
  });
  const { output } = built as Extract<typeof built, { output: unknown }>;
  const files = new Map<string, readonly [type: string, body: string]>();
  files.set("/icon.svg", ["image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>']);
  for (const file of output)
    if (file.type === "chunk") files.set(`/${file.fileName}`, ["text/javascript", file.code]);
    else
      files.set(file.fileName === "index.html" ? "/" : `/${file.fileName}`, [
        "text/html",
        String(file.source),
      ]);
  return files;
}

const SCRIPT_TRACE = [
  "click Buy · internal · script-web",
  "  GET /api/stock · client · script-web",
  "    GET /api/stock · server · script-api",
  "  checkout · internal · script-web",
  "    POST /api/orders · client · script-web",
  "      POST /api/orders · server · script-api",
];

test("a plain page: the script with its hash, under a strict policy, traces into the Node service", async ({
  page,
}) => {
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(scriptUrl);
  const document = await expectExactTrace(page, SCRIPT_TRACE, ["/api/stock", "/api/orders"]);
  expect(spanOf(document, "POST /api/orders", "client").parentSpanId).toBe(
    spanOf(document, "checkout", "internal").spanId,
  );
  expect(complaints).toEqual([]);
});

test("a plain page: a script that was changed on the way does not run", async ({ page }) => {
  await page.goto(`${scriptUrl}/tampered`);
  expect(await page.evaluate(() => "Throughline" in globalThis)).toBe(false);
});

test("the classic preset: the same trace, with exact parents", async ({ page }) => {
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(`${scriptUrl}/classic`);
  await expectExactTrace(page, SCRIPT_TRACE, ["/api/stock", "/api/orders"]);
  expect(complaints).toEqual([]);
});

for (const { preset, path, delivered } of [
  { preset: "the script", path: "/", delivered: true },
  { preset: "the classic preset", path: "/classic", delivered: false },
]) {
  test(`${preset}: the span of a request just before the page goes is ${delivered ? "sent" : "lost"}`, async ({
    page,
  }) => {
    await page.goto(`${scriptUrl}${path}`);
    const sent = requestsOf(page);
    await page.evaluate(() => {
      void fetch("/api/stock")
        .then((answer) => answer.text())
        .then(() => location.assign("/tampered"));
    });
    await page.waitForURL("**/tampered");
    const { traceId } = contextOf(sent[0]);
    const labels = ["GET /api/stock · server · script-api"];
    // The page has nothing left to send by the time the server's batch is there.
    const document = await awaitTrace(
      traceId,
      delivered ? [...labels, "GET /api/stock · client · script-web"] : labels,
    );
    expect(document.spans.some(({ kind }) => kind === "client")).toBe(delivered);
  });
}

test("the classic preset: no query value leaves the page, and no header without propagation", async ({
  page,
}) => {
  await page.goto(`${scriptUrl}/classic?propagation=off`);
  const requests: Request[] = [];
  const posts: string[] = [];
  page.on("request", (request) => {
    if (pathOf(request) === "/api/stock") requests.push(request);
    if (pathOf(request) === "/v1/traces") posts.push(request.postData() ?? "");
  });
  await page.evaluate(() => fetch("/api/stock?card=zq4111zq").then((answer) => answer.text()));
  await expect.poll(() => posts.join()).toContain("card=REDACTED");
  expect(posts.join()).not.toContain("zq4111zq");
  expect(requests.map((request) => request.headers().traceparent)).toEqual([undefined]);
});

/** One click; then every request is checked against the collector: one trace, this shape, no guess. */
async function expectExactTrace(page: Page, shape: readonly string[], paths: readonly string[]) {
  const sent = requestsOf(page);
  await page.getByRole("button", { name: "Buy" }).click();
  await expect.poll(() => sent.map(pathOf)).toEqual(paths);
  const contexts = sent.map(contextOf);
  expect(new Set(contexts.map(({ traceId }) => traceId)).size).toBe(1);

  const document = await awaitTrace(
    contexts[0]?.traceId ?? "",
    shape.map((line) => line.trim()),
  );
  expect(lines(document)).toEqual(shape);
  expect(document.findings).toEqual([]);
  for (const [index, path] of paths.entries()) {
    const client = document.spans.find(({ spanId }) => spanId === contexts[index]?.spanId);
    expect(client?.attributes, path).not.toHaveProperty("throughline.parent");
    const server = document.spans.filter(({ parentSpanId }) => parentSpanId === contexts[index]?.spanId);
    expect(server.map(({ kind }) => kind)).toEqual(["server"]);
  }
  return document;
}

function requestsOf(page: Page): Request[] {
  const sent: Request[] = [];
  page.on("request", (request) => {
    if (/^\/api\/(stock|orders|receipts)$/.test(pathOf(request))) sent.push(request);
  });
  return sent;
}

function pathOf(request: Request): string {
  return new URL(request.url()).pathname;
}

function fail(): never {
  throw new Error("the button has no box");
}

function contextOf(request: Request | undefined): { readonly traceId: string; readonly spanId: string } {
  const context = parseTraceparent(request?.headers().traceparent ?? "");
  if (!context) throw new Error(`${request?.url()} carried no valid traceparent`);
  return context;
}

async function withDevServer(
  config: InlineConfig,
  use: (url: string, server: ViteDevServer) => Promise<void>,
): Promise<void> {
  const collector = process.env.THROUGHLINE_COLLECTOR_URL ?? "";
  const cacheDir = await mkdtemp(join(tmpdir(), "throughline-vite-"));
  let server: ViteDevServer | undefined;
  try {
    server = await createServer({
      root: viteApp,
      logLevel: "error",
      cacheDir,
      // Found ahead, or Vite finds it late and reloads the page under the test.
      optimizeDeps: { include: ["react", "react-dom/client", "react/jsx-dev-runtime", "@opentelemetry/api"] },
      ...config,
      server: {
        port: 0,
        host: "127.0.0.1",
        proxy: {
          "/api/tl": { target: collector, rewrite: (path) => path.replace("/api/tl", "") },
          "/api": viteUrl,
        },
      },
    });
    await server.listen();
    await use(server.resolvedUrls?.local[0] ?? "", server);
  } finally {
    await server?.close();
    await rm(cacheDir, { recursive: true });
  }
}

async function startService(name: string, file: string): Promise<string> {
  const port = await freePort(0);
  await processes.start({
    name,
    args: [file],
    env: { ...tracingEnv(name), PORT: String(port) },
    ready: (_: unknown, signal: AbortSignal) => portAnswers(port, signal),
  });
  return `http://127.0.0.1:${port}`;
}
