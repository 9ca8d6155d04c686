import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, portAnswers } from "../../../../scripts/ports.mjs";
import { createProcesses } from "../../../../scripts/processes.mjs";
import { startCollector } from "../../../../scripts/services.mjs";
import { installPackages, startApp } from "../context-builds.ts";
import { tracingEnv } from "../environment.ts";

const vite = fileURLToPath(new URL("../../../../node_modules/vite/bin/vite.js", import.meta.url));
const viteApp = fileURLToPath(new URL("../../../vite/", import.meta.url));

/** What the engines share: a collector, the app with every way from a click to a fetch, and the one of Vite. */
export default async function startEverything(): Promise<() => Promise<void>> {
  const processes = createProcesses();
  try {
    process.env.THROUGHLINE_COLLECTOR_URL = (await startCollector({ processes })).url;
    installPackages();
    process.env.E2E_CONTEXT_URL = await startApp({ name: "engines", flags: [], options: {} }, processes);
    await processes.run({ name: "vite build", args: [vite, "build"], cwd: viteApp });
    const port = await freePort(0);
    await processes.start({
      name: "the vite app",
      args: [join(viteApp, "server.mjs")],
      env: { ...tracingEnv("vite-api"), PORT: String(port) },
      ready: (_: unknown, signal: AbortSignal) => portAnswers(port, signal),
    });
    process.env.E2E_VITE_URL = `http://127.0.0.1:${port}`;
  } catch (error) {
    await processes.stopAll();
    throw error;
  }
  return () => processes.stopAll();
}
