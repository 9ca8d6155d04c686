// Dependencies of a fresh clone, or of one whose lock file moved on.
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createProcesses } from "./processes.mjs";

const root = new URL("../", import.meta.url);

/** True when node_modules is missing or older than the lock file. */
export function needsInstall() {
  // npm writes this file last, so an interrupted install counts as none.
  const installed = modified("node_modules/.package-lock.json");
  return installed === undefined || installed < (modified("package-lock.json") ?? 0);
}

/** Installs what the lock file names, if it has to; rejects with npm's own last lines. */
export async function installDependencies({ processes = createProcesses() } = {}) {
  if (!needsInstall()) return;
  // Under `npm run`, npm says where it lives; on Windows only that spares a shell.
  const npm = process.env.npm_execpath;
  const command = npm?.endsWith(".js") ? { args: [npm] } : { command: "npm", args: [] };
  await processes.run({
    ...command,
    name: "npm install",
    // `npm ci` refuses a lock file that lacks the optional binaries of another platform; this adds them, and
    // --no-save leaves the lock file as it is.
    args: [...command.args, "install", "--no-save", "--no-audit", "--no-fund"],
    cwd: fileURLToPath(root),
  });
}

function modified(path) {
  return statSync(new URL(path, root), { throwIfNoEntry: false })?.mtimeMs;
}
