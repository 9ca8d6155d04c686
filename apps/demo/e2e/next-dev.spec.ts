import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { freePort } from "../../../scripts/ports.mjs";
import { createProcesses, saysLine } from "../../../scripts/processes.mjs";
import { collectSpans, requestsTo, textOf } from "./browser-spans.ts";
import { tracingEnv } from "./environment.ts";

const STARTS = 10;
const UPDATES = 50;

const repository = fileURLToPath(new URL("../../../", import.meta.url));
// Beside the demo, so that Node finds the workspace's packages from there; Git does not.
const folder = join(repository, "apps/.demo-hot");
const processes = createProcesses();

const CONFIG = `import { withTracing } from "@throughline/server/next-config";
const root = ${JSON.stringify(repository)};
export default withTracing({ outputFileTracingRoot: root, turbopack: { root }, devIndicators: false });
`;
const LAYOUT = `export default function Layout({ children }) {
  return <html lang="en"><head><link rel="icon" href="data:," /></head><body>{children}</body></html>;
}
`;
const page = (version: number): string => `"use client";
import { useEffect } from "react";
export default function Page() {
  useEffect(() => void (document.documentElement.dataset.version = ${version}));
  const go = async () => {
    await Promise.resolve();
    await fetch("/api/echo");
  };
  return <><h1>page ${version}</h1><button onClick={go}>Go</button></>;
}
`;
/** The app's own start, beside the one that \`withTracing\` brings in. */
const start = (version: number): string => `globalThis.started = ${version};
export const onRouterTransitionStart = () => ${version};
`;

function write(path: string, text: string): Promise<void> {
  const file = join(folder, path);
  return mkdir(dirname(file), { recursive: true }).then(() => writeFile(file, text));
}

test.afterAll(async () => {
  await processes.stopAll();
  await rm(folder, { recursive: true, force: true });
});

test("in next dev, after ten updates of the client's start and 50 of the page, which stays, one click is one span for each fetch, told once, with an exact parent past an await", async ({
  page: tab,
}) => {
  test.setTimeout(180_000);
  const origin = await startDev();
  const sent = collectSpans(tab);
  const posts: string[] = [];
  tab.on("request", (request) => {
    if (request.url().endsWith("/v1/traces")) posts.push(request.postData() ?? "");
  });
  await tab.goto(origin);
  for (let version = 1; version <= STARTS; version++) {
    await showPage(tab, version);
    await tab.evaluate("globalThis.isOld = true");
    let tries = 0;
    await expect(async () => {
      await write("instrumentation-client.js", `${start(version)}// ${tries++}\n`);
      // Next.js loads the page for it.
      await expect
        .poll(() => tab.evaluate("globalThis.isOld ? 0 : globalThis.started").catch(() => 0), {
          timeout: 3000,
        })
        .toBe(version);
    }).toPass();
  }
  await showPage(tab, STARTS + 1);
  await tab.evaluate("globalThis.isOld = true");
  for (let update = 1; update <= UPDATES; update++) await showPage(tab, STARTS + 1 + update);
  expect(await tab.evaluate("globalThis.isOld"), "the page is still the same").toBe(true);
  const before = sent.length;
  const answer = tab.waitForResponse("**/api/echo");
  await tab.getByRole("button", { name: "Go" }).click();
  await answer;
  await expect.poll(() => sent.slice(before).map(({ name }) => name)).toContain("click Go");
  await expect.poll(() => requestsTo(sent, "/api/echo").length).toBe(1);
  expect(sent.filter(({ name }) => name === "click Go")).toHaveLength(1);
  // A second tracing would post its own.
  const clicked = sent.find(({ name }) => name === "click Go")?.traceId ?? "";
  expect(posts.filter((post) => post.includes(clicked))).toHaveLength(1);
  // Of this page: what was on its way when an earlier one went may arrive twice (docs/browser/transport.md).
  const told = sent.slice(before).map(({ spanId }) => spanId);
  expect(new Set(told).size).toBe(told.length);
  const [request] = requestsTo(sent, "/api/echo");
  expect(request?.parentSpanId).toBe(sent.find(({ name }) => name === "click Go")?.spanId);
  // A native `await` leaves a guess.
  expect(request && textOf(request, "throughline.parent")).toBeUndefined();
});

/** A page that is being loaded anew has not joined the dev server yet and may miss an update; then comes another. */
async function showPage(tab: Page, version: number): Promise<void> {
  let tries = 0;
  await expect(async () => {
    await write("app/page.jsx", `${page(version)}// ${tries++}\n`);
    await tab.locator(`html[data-version="${version}"]`).waitFor({ state: "attached", timeout: 3000 });
  }).toPass();
}

async function startDev(): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await Promise.all([
    write("package.json", '{"name":"hot","private":true}'),
    write("next.config.mjs", CONFIG),
    write("app/layout.jsx", LAYOUT),
    write("app/page.jsx", page(0)),
    write("app/api/echo/route.js", "export const GET = () => Response.json({});\n"),
    write("app/api/tl/[...signal]/route.js", 'export { POST } from "@throughline/server/ingest";\n'),
    write("instrumentation.js", 'export { register } from "@throughline/server";\n'),
    write("instrumentation-client.js", start(0)),
  ]);
  const port = await freePort(0);
  await processes.start({
    name: "next dev",
    args: [join(repository, "node_modules/next/dist/bin/next"), "dev", "-p", String(port), "-H", "127.0.0.1"],
    cwd: folder,
    env: { ...tracingEnv("hot"), NEXT_TELEMETRY_DISABLED: "1" },
    ready: saysLine(/Ready in/),
  });
  return `http://127.0.0.1:${port}`;
}
