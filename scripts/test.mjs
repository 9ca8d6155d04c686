// `npm test` on a fresh clone: installs, finds a browser and a Redis, checks, builds, weighs, runs unit and end-to-end tests,
// and ends with one plain line: "N passed, N failed, N skipped". With CI set a failed test gets a second try, and
// what passed only then is named before that line.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installDependencies } from "./install.mjs";

const NODE_FLOOR = [20, 19];
const started = Date.now();

main();

async function main() {
  requireNode();
  await step("dependencies", () => installDependencies());
  await step("browser", provideBrowser);
  await step("redis", provideRedis);
  await step("build", () => run("npm", ["run", "build", "--silent"]));
  await step("check", () => run("npm", ["run", "check:source", "--silent"]));
  await step("size", () => run("npm", ["run", "size", "--silent", "--", "--entries"]));
  const reports = mkdtempSync(join(tmpdir(), "throughline-test-"));
  process.env.THROUGHLINE_SECOND_TRY_FILE = join(reports, "second-try.txt");
  try {
    const unit = runTests("unit tests", join(reports, "unit.json"), readVitest, (file) => [
      "vitest",
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
      "--reporter=./scripts/second-try-reporter.mjs",
    ]);
    const e2e = runPlaywright("end-to-end tests", join(reports, "e2e.json"));
    process.env.E2E_PRESET = "classic";
    const classic = runPlaywright("end-to-end tests, classic preset", join(reports, "classic.json"), [
      "--project=classic",
    ]);
    finish({ unit, "end to end": e2e, classic }, readLines(process.env.THROUGHLINE_SECOND_TRY_FILE));
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor >= NODE_FLOOR[1])) return;
  fail(
    `the tests need Node ${NODE_FLOOR.join(".")} or later, this is ${process.versions.node}; install a newer Node.js`,
  );
}

async function step(name, action) {
  const from = Date.now();
  console.log(`\n▸ ${name}`);
  await action();
  console.log(`  ${name}: ${seconds(from)}`);
}

async function provideBrowser() {
  const { findChromium } = await import("./chromium.mjs");
  // Playwright's own is there after its install, and does not start where the system lacks its libraries.
  const starts = () => {
    const path = findChromium();
    return path !== undefined && spawnSync(path, ["--version"]).status === 0;
  };
  if (starts()) return console.log(`  ${findChromium()}`);
  console.log("  no Chromium that starts, trying Playwright's own");
  spawnSync("npx", ["playwright", "install", "chromium"], { stdio: "inherit" });
  if (starts()) return;
  console.log("  it does not start, trying the system's package");
  installFromSystem("chromium");
  if (starts()) return;
  fail(
    "no Chromium to test in: install Chromium or Chrome, or the libraries of Playwright's own " +
      "(`sudo npx playwright install-deps chromium`), or set CHROMIUM_PATH to an executable",
  );
}

async function provideRedis() {
  const { findRedis } = await import("./services.mjs");
  if (!findRedis()) installFromSystem("redis-server");
  if (findRedis()) return console.log(`  ${findRedis()}`);
  if (process.env.CI) fail("no Redis to test with: install redis-server or valkey");
  console.log(
    "  no Redis found: the tests of queues and of ioredis are skipped; install redis-server to run them",
  );
}

/** Where this machine has Debian's packages and we may install them. */
function installFromSystem(name) {
  if (process.getuid?.() !== 0 || spawnSync("apt-get", ["--version"]).status !== 0) return;
  spawnSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
  spawnSync("apt-get", ["install", "-y", "-qq", name], {
    stdio: "inherit",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

function run(command, args) {
  const result = spawnSync(command, args, { stdio: "inherit" });
  if (result.status !== 0) fail(`${[command, ...args].join(" ")} failed with exit code ${result.status}`);
}

function runTests(name, file, read, command) {
  const from = Date.now();
  console.log(`\n▸ ${name}`);
  const result = spawnSync("npx", command(file), { stdio: "inherit" });
  const counts = read(file);
  console.log(`  ${name}: ${seconds(from)}`);
  // A run that broke outside a test (a server that did not start) must not look green.
  if (result.status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

function runPlaywright(name, file, words = []) {
  process.env.PLAYWRIGHT_JSON_OUTPUT_FILE = file;
  return runTests(name, file, readPlaywright, () => [
    "playwright",
    "test",
    "--reporter=list,json,./scripts/second-try-reporter.mjs",
    ...words,
  ]);
}

function readVitest(file) {
  const report = readJson(file);
  return {
    passed: report?.numPassedTests ?? 0,
    failed: report?.numFailedTests ?? 1,
    skipped: report?.numPendingTests ?? 0,
  };
}

function readPlaywright(file) {
  const stats = readJson(file)?.stats;
  return {
    passed: (stats?.expected ?? 0) + (stats?.flaky ?? 0),
    failed: stats ? stats.unexpected : 1,
    skipped: stats?.skipped ?? 0,
  };
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function readLines(file) {
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

function finish(runs, secondTries) {
  const sum = (key) => Object.values(runs).reduce((total, counts) => total + counts[key], 0);
  const passed = Object.entries(runs).map(([name, counts]) => `${name} ${counts.passed}`);
  console.log(`\n${[...passed, seconds(started)].join(", ")}`);
  for (const name of secondTries) console.log(`passed only on the second try: ${name}`);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
  process.exitCode = sum("failed") === 0 && sum("passed") > 0 ? 0 : 1;
}

function seconds(from) {
  return `${((Date.now() - from) / 1000).toFixed(1)} s`;
}

function fail(sentence) {
  console.error(`\nthroughline: ${sentence}`);
  process.exit(1);
}
