// The app that is measured, once for each way to trace it. Same pages, other `instrumentation.js` and config.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../ports.mjs";
import { saysLine } from "../processes.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const next = join(root, "node_modules/next/dist/bin/next");
// Below the root, so that the packages are found; kept between runs and told by a fingerprint.
const builds = join(root, ".next-bench");

const CONFIG = `{
  outputFileTracingRoot: ${JSON.stringify(root)},
  turbopack: { root: ${JSON.stringify(root)} },
  poweredByHeader: false,
}`;

const PAGES = {
  "app/layout.js": `
export default function Layout({ children }) {
  return <html lang="en"><body>{children}</body></html>;
}
`,
  "app/page/page.js": `
export const dynamic = "force-dynamic";

export function generateMetadata() {
  return { title: "Stock" };
}

async function Row({ number }) {
  await null;
  return <li>{"Article " + number}</li>;
}

export default function Page() {
  return <ul>{Array.from({ length: 20 }, (_, number) => <Row key={number} number={number} />)}</ul>;
}
`,
  "app/api/plain/route.js": `
export const dynamic = "force-dynamic";

export function GET() {
  return Response.json({ available: 42 });
}
`,
  "app/api/stream/route.js": `
export const dynamic = "force-dynamic";

export function GET() {
  let left = 4;
  const body = new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      controller.enqueue(new Uint8Array(64));
      if (--left === 0) controller.close();
    },
  });
  return new Response(body);
}
`,
  "app/api/fetch/route.js": `
export const dynamic = "force-dynamic";

export async function GET() {
  const answer = await fetch(process.env.BENCH_STOCK_URL, { cache: "no-store" });
  return Response.json(await answer.json());
}
`,
};

const KIT = {
  "next.config.mjs": `import { withTracing } from "@throughline/server/next-config";\nexport default withTracing(${CONFIG});\n`,
  "instrumentation.js": 'export { onRequestError, register } from "@throughline/server";\n',
};

// What metrics are told apart by: methods, statuses, and paths of which no two are alike.
const SOAKED = {
  "app/api/items/[id]/route.js": `
export const dynamic = "force-dynamic";

export async function GET(_, { params }) {
  const { id } = await params;
  if (id.startsWith("broken")) throw new Error("broken on purpose");
  return Response.json({ id }, { status: id.startsWith("none") ? 404 : 200 });
}

export async function POST(request) {
  return Response.json(await request.json(), { status: 201 });
}
`,
};

/** What the variants are built from; `env` is that of the build. */
export const APPS = {
  none: { files: { "next.config.mjs": `export default ${CONFIG};\n` }, env: {} },
  off: { files: KIT, env: {} },
  kit: { files: KIT, env: { OTEL_ENABLED: "true" } },
  soak: { files: { ...KIT, ...SOAKED }, env: { OTEL_ENABLED: "true" } },
  // As its own guide says, with the two instrumentations that a Next.js app needs for outbound requests.
  sdk: {
    files: {
      "next.config.mjs": `export default ${CONFIG};\n`,
      "instrumentation.js": `
export async function register() {
  if (process.env.NEXT_RUNTIME === "nodejs") await import("./instrumentation.node.js");
}
`,
      "instrumentation.node.js": `
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { NodeSDK } from "@opentelemetry/sdk-node";

new NodeSDK({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] }).start();
`,
    },
    env: {},
  },
};

/** `next build` of one app, skipped while nothing it is made of has changed. Returns its folder. */
export async function buildApp(name, processes) {
  const folder = join(builds, name);
  const { files, env } = APPS[name];
  const all = { ...PAGES, ...files, "package.json": `{ "name": "bench-${name}", "private": true }\n` };
  const mark = join(folder, "fingerprint");
  const fingerprint = await fingerprintOf({ all, env });
  if (existsSync(mark) && (await readFile(mark, "utf8")) === fingerprint) return folder;
  await rm(folder, { recursive: true, force: true });
  for (const [file, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  await processes.run({
    name: `the build of "${name}"`,
    args: [next, "build"],
    cwd: folder,
    env: { NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production", ...env },
  });
  await writeFile(mark, fingerprint);
  return folder;
}

/** `next start` of what `buildApp` left in `folder`. */
export async function startApp(folder, { name, nodeArgs = [], env, processes }) {
  const port = await freePort(0);
  const server = await processes.start({
    name,
    args: [...nodeArgs, next, "start", "-p", String(port), "-H", "127.0.0.1"],
    cwd: folder,
    env: { NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", ...env },
    ready: saysLine(/Ready in/),
  });
  return { ...server, url: `http://127.0.0.1:${port}` };
}

async function fingerprintOf(made) {
  const hash = createHash("sha256").update(process.version).update(JSON.stringify(made));
  for (const room of ["core", "server", "web"]) {
    const dist = join(root, "packages", room, "dist");
    for (const file of (await readdir(dist, { recursive: true })).filter((file) => file.endsWith(".js")))
      hash.update(file).update(await readFile(join(dist, file)));
  }
  return hash.update(await readFile(join(root, "package-lock.json"))).digest("hex");
}
