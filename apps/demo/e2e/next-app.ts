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
  readonly webpack?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Builds a fixture for production and serves it; resolves with its origin. */
export async function startNextApp(app: NextApp): Promise<string> {
  const { processes, folder } = app;
  const args = [next, "build", ...(app.webpack ? ["--webpack"] : [])];
  await processes.run({ name: `the build of ${folder}`, args, ...placeOf(app) });
  return serveNextApp(app);
}

/** Serves what is built, with these variables besides; resolves with its origin. */
export async function serveNextApp(app: NextApp, more: Record<string, string> = {}): Promise<string> {
  const { processes, folder } = app;
  const { cwd, env } = placeOf(app);
  const port = await freePort(0);
  await processes.start({
    name: folder,
    args: [next, "start", "-p", String(port), "-H", "127.0.0.1"],
    cwd,
    env: { ...env, ...more },
    ready: saysLine(/Ready in/),
  });
  return `http://127.0.0.1:${port}`;
}

function placeOf({ folder, serviceName, env }: NextApp) {
  return {
    cwd: fileURLToPath(new URL(`fixtures/${folder}`, import.meta.url)),
    env: { ...tracingEnv(serviceName), NEXT_TELEMETRY_DISABLED: "1", ...env },
  };
}
