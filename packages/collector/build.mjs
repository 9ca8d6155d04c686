// Compiles the room and its viewer, and puts the viewer's page beside its compiled scripts.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const room = dirname(fileURLToPath(import.meta.url));
const viewer = join(room, "src/viewer");
const files = existsSync(viewer) ? readdirSync(viewer, { recursive: true }).map(String) : [];
const hasScripts = files.some((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));

const run = (...args) =>
  execFileSync(process.platform === "win32" ? "npx.cmd" : "npx", args, { cwd: room, stdio: "inherit" });
run("tsc", "-b", ".", ...(hasScripts ? ["src/viewer"] : []));

for (const file of files.filter((name) => /\.(html|css|svg)$/.test(name))) {
  const target = join(room, "dist/viewer", file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(viewer, file), target);
}
chmodSync(join(room, "dist/cli.js"), 0o755);
