import { fileURLToPath } from "node:url";
import { freePort } from "../../../scripts/ports.mjs";
import { type createProcesses, saysLine } from "../../../scripts/processes.mjs";
import { tracingEnv } from "./environment.ts";

const next = fileURLToPath(new URL("../../../node_modules/next/dist/bin/next", import.meta.url));

export interface NextApp {
  readonly processes: ReturnType<typeof createProcesses>;
  /** Of a folder in `fixtures`. */
  readonly folder: string;
  readonly serviceName: string;
}

/** Builds a fixture for production and serves it; resolves with its origin. */
export async function startNextApp({ processes, folder, serviceName }: NextApp): Promise<string> {
  const cwd = fileURLToPath(new URL(`fixtures/${folder}`, import.meta.url));
  const env = { ...tracingEnv(serviceName), NEXT_TELEMETRY_DISABLED: "1" };
  await processes.run({ name: `the build of ${folder}`, args: [next, "build"], cwd, env });
  const port = await freePort(0);
  await processes.start({
    name: folder,
    args: [next, "start", "-p", String(port), "-H", "127.0.0.1"],
    cwd,
    env,
    ready: saysLine(/Ready in/),
  });
  return `http://127.0.0.1:${port}`;
}
