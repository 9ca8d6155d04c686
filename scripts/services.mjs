// The processes of the demo: each starter resolves, once its server answers, to `{ url, child, stop }`.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, portAnswers } from "./ports.mjs";
import { createProcesses, saysLine } from "./processes.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));

/** The collector with its viewer. */
export async function startCollector({
  port = 0,
  grpcPort = 0,
  env = {},
  processes = createProcesses(),
} = {}) {
  const [own, grpc] = [await freePort(port), await freePort(grpcPort)];
  const server = await processes.start({
    name: "the collector",
    args: [join(root, "packages/collector/dist/cli.js"), "--port", String(own), "--grpc-port", String(grpc)],
    // In memory like the orders: a demo leaves no file behind.
    env: { THROUGHLINE_COLLECTOR_STORE: "memory", ...env },
    ready: (_, signal) => portAnswers(own, signal),
  });
  return { ...server, url: `http://127.0.0.1:${own}` };
}

/** An in-memory Postgres; `url` is a connection string. */
export async function startDatabase({ port = 0, env = {}, processes = createProcesses() } = {}) {
  const own = await freePort(port);
  const server = await processes.start({
    name: "the database",
    args: [join(root, "apps/demo/database/serve.mjs"), "--port", String(own)],
    env,
    ready: saysLine(/ready at/),
  });
  return { ...server, url: `postgresql://postgres@127.0.0.1:${own}/postgres` };
}

/** The Redis server of this machine, or Valkey, which speaks the same protocol; undefined where there is none. */
export function findRedis() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = ["redis-server", "valkey-server"].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  );
  return candidates.find(isExecutable);
}

/** A Redis that keeps nothing; `url` is what its clients take. */
export async function startRedis({ processes = createProcesses() } = {}) {
  const command = findRedis();
  if (!command) throw new Error("throughline: no redis-server on the PATH; install Redis or Valkey");
  const own = await freePort(0);
  const server = await processes.start({
    name: "Redis",
    command,
    args: ["--port", String(own), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    ready: (_, signal) => portAnswers(own, signal),
  });
  return { ...server, url: `redis://127.0.0.1:${own}` };
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The service the shop asks about stock. */
export async function startInventory({ port = 0, env = {}, processes = createProcesses() } = {}) {
  const own = await freePort(port);
  const server = await processes.start({
    name: "the inventory",
    args: [join(root, "apps/inventory/server.mjs")],
    env: { ...env, PORT: String(own) },
    // Not its health check: that request would be the first trace anybody sees.
    ready: (_, signal) => portAnswers(own, signal),
  });
  return { ...server, url: `http://127.0.0.1:${own}` };
}

/** The shop as `buildShop` left it in `distDir`; `folder` is that of a copy. */
export async function startShop({
  port = 0,
  env = {},
  folder = join(root, "apps/demo"),
  distDir = ".next",
  processes = createProcesses(),
} = {}) {
  const own = await freePort(port);
  const server = await processes.start({
    name: "the shop",
    args: [join(root, "node_modules/next/dist/bin/next"), "start", "-p", String(own), "-H", "127.0.0.1"],
    cwd: folder,
    env: { NEXT_TELEMETRY_DISABLED: "1", ...env, NEXT_DIST_DIR: distDir },
    ready: saysLine(/Ready in/),
  });
  return { ...server, url: `http://localhost:${own}` };
}
