// Do the tests of the server and of page loads pass with another Next.js? `npm run test:next -- canary`, or a version:
// a copy of the last commit is installed with it, in a folder of its own, and tested there.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SPECS = ["server-matrix", "edge", "page-load", "route-names"].map((name) => `${name}.spec.ts`);

// Errors are for the terminal.
const PIPE = ["ignore", "pipe", "inherit"];
const [wanted = "latest", ...words] = process.argv.slice(2);
const copy = mkdtempSync(join(tmpdir(), "throughline-next-"));
try {
  const version = run("npm", ["view", `next@${wanted}`, "version"], { stdio: PIPE }).trim();
  if (version === "") throw new Error(`there is no next@${wanted}`);
  run("git", ["clone", "--quiet", fileURLToPath(new URL("..", import.meta.url)), copy]);
  for (const file of run("git", ["ls-files", "*package.json"], { cwd: copy, stdio: PIPE }).trim().split("\n"))
    rewrite(join(copy, file), version);
  console.log(`Next.js ${version} in ${copy}`);
  // The peer range of what else is installed may not name a version that is not out yet.
  run("npm", ["install", "--no-audit", "--no-fund", "--legacy-peer-deps"], { cwd: copy });
  run("npm", ["run", "build", "--silent"], { cwd: copy });
  run("npx", ["playwright", "test", ...SPECS, "--workers=1", "--no-deps", ...words], { cwd: copy });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function rewrite(file, next) {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace(/"next": "\d[^"]*"/, `"next": "${next}"`));
}

/** What it said, where that is wanted. */
function run(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, { stdio: "inherit", encoding: "utf8", ...options });
  if (status !== 0) throw new Error(`failed: ${command} ${args.join(" ")}`);
  return stdout ?? "";
}
