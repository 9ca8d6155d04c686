import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildShop } from "../../../scripts/builds.mjs";
import { freePort, portAnswers } from "../../../scripts/ports.mjs";
import { createProcesses } from "../../../scripts/processes.mjs";
import { startCollector, startDatabase, startInventory, startShop } from "../../../scripts/services.mjs";
import { installPackages } from "./context-builds.ts";
import { copyDemo } from "./demo-copy.ts";
import { buildEnv, tracingEnv } from "./environment.ts";
import { isClassic } from "./fixtures/preset.mjs";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
// Beside the demo, so that Node finds the workspace's packages from there; Git does not.
const classicShop = join(repository, "apps/.demo-classic");

/** Builds the shop and starts what the tests share: collector, database, inventory, shop, and the plain app. */
export default async function startEverything(): Promise<() => Promise<void>> {
  const processes = createProcesses();
  // Here, because builds run side by side.
  installPackages();
  try {
    const [collector, database] = await Promise.all([
      startCollector({ processes }),
      startDatabase({ processes }),
      isClassic ? buildClassicShop(processes) : buildShop({ env: buildEnv, processes }),
    ]);
    process.env.THROUGHLINE_COLLECTOR_URL = collector.url;
    process.env.E2E_DATABASE_URL = database.url;
    const inventory = await startInventory({ processes, env: tracingEnv("inventory") });
    process.env.E2E_INVENTORY_URL = inventory.url;
    const [shop, plain] = await Promise.all([
      startShop({ processes, env: tracingEnv("shop"), ...(isClassic && { folder: classicShop }) }),
      startPlainApp(processes),
    ]);
    process.env.E2E_SHOP_URL = shop.url;
    process.env.E2E_PLAIN_URL = plain;
  } catch (error) {
    await processes.stopAll();
    throw error;
  }
  return async () => {
    await processes.stopAll();
    if (isClassic) await rm(classicShop, { recursive: true, force: true });
  };
}

/** The shop, but for the one option. */
async function buildClassicShop(processes: ReturnType<typeof createProcesses>): Promise<void> {
  copyDemo(classicShop, (source) => {
    const changed = source.replace("withTracing(config)", 'withTracing(config, { preset: "classic" })');
    if (changed === source) throw new Error('demo: next.config.ts has no "withTracing(config)" to replace');
    return changed;
  });
  await processes.run({
    name: "the build of the classic shop",
    args: [join(repository, "node_modules/next/dist/bin/next"), "build"],
    cwd: classicShop,
    env: { ...buildEnv, NEXT_TELEMETRY_DISABLED: "1" },
  });
}

async function startPlainApp(processes: ReturnType<typeof createProcesses>): Promise<string> {
  const port = await freePort(0);
  await processes.start({
    name: "the plain app",
    args: [join(fileURLToPath(new URL(".", import.meta.url)), "fixtures", "plain-app.mjs")],
    env: { ...tracingEnv("plain"), PORT: String(port) },
    ready: (_: unknown, signal: AbortSignal) => portAnswers(port, signal),
  });
  return `http://127.0.0.1:${port}`;
}
