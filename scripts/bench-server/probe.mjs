// Servers that are asked for their own account of CPU time and memory.
import { fileURLToPath } from "node:url";
import { createProcesses } from "../processes.mjs";
import { startApp } from "./apps.mjs";

const preloaded = fileURLToPath(new URL("cpu-probe.cjs", import.meta.url));
const MARK = "bench-probe ";

/** Children that can be asked: `startProbed` needs both. */
export function createProbed() {
  const probes = new Map();
  const processes = createProcesses({
    onLine(name, line) {
      if (!line.startsWith(MARK)) return;
      probes.get(name)?.(JSON.parse(line.slice(MARK.length)));
      probes.delete(name);
    },
  });
  return { processes, probes };
}

/** `startApp` with the probe in it and what `preloads` name; `probe` rejects where the process has gone. */
export async function startProbed(folder, { probes, preloads = [], ...options }) {
  const { name, env, processes } = options;
  const server = await startApp(folder, {
    ...options,
    env: {
      ...env,
      NODE_OPTIONS: [preloaded, ...preloads].map((file) => `--require=${file}`).join(" "),
    },
  });
  const probe = () => {
    const told = new Promise((resolve) => {
      probes.set(name, resolve);
      server.child.kill("SIGUSR2");
    });
    return Promise.race([told, processes.died]);
  };
  return { ...server, probe };
}
