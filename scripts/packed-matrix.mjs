// Does what would be published work for somebody who installs it? The packages are packed, installed into a fresh app
// outside the workspace, and served from twelve builds: {npm, pnpm} × {Turbopack, webpack} × {normal, standalone copied
// elsewhere}, and with Prisma the normal ones. `npm run test:packed -- pnpm webpack` takes those that have both words
// in their name.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "@playwright/test";
import { buildPackages } from "./builds.mjs";
import { chromiumLaunchOptions } from "./chromium.mjs";
import { freshApp } from "./packed-matrix/fresh-app.mjs";
import { buildApp, installApp, MANAGERS, servedFolder, withServer } from "./packed-matrix/installed-app.mjs";
import { clickBuy, faultsOfTrace } from "./packed-matrix/one-click.mjs";
import { prismaApp } from "./packed-matrix/prisma-app.mjs";
import { createProcesses } from "./processes.mjs";
import { startCollector, startDatabase, startInventory } from "./services.mjs";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../", import.meta.url));
const broken = fileURLToPath(new URL("packed-matrix/broken-register.cjs", import.meta.url));

const COMBINATIONS = ["turbopack", "webpack"].flatMap((bundler) => [
  { library: "pg", bundler, standalone: false },
  { library: "pg", bundler, standalone: true },
  { library: "prisma", bundler, standalone: false },
]);

const APPS = { pg: freshApp, prisma: (archives) => prismaApp(freshApp(archives)) };

const FAULTS = {
  "instrumentations throw": { FAULT: "instrumentations" },
  "register throws": { NODE_OPTIONS: `--require=${broken}` },
};

const words = process.argv.slice(2);
const nameOf = (manager, { library, bundler, standalone }) => [
  manager,
  library,
  bundler,
  standalone ? "standalone" : "normal",
];
const isWanted = (manager, combination) => words.every((word) => nameOf(manager, combination).includes(word));

const processes = createProcesses();
const folders = [];

function temporary(name) {
  const folder = mkdtempSync(join(tmpdir(), name));
  folders.push(folder);
  return folder;
}

/** The archives of the packages by name. */
async function pack() {
  const target = temporary("throughline-packed-");
  const rooms = readdirSync(join(root, "packages")).map((name) => `--workspace=packages/${name}`);
  const args = ["pack", "--silent", "--pack-destination", target, ...rooms];
  await processes.run({ name: "npm pack", command: "npm", args, cwd: root });
  return Object.fromEntries(
    readdirSync(target).map((file) => [
      file.replace(/^throughline-(.*)-\d.*$/, "@throughline/$1"),
      join(target, file),
    ]),
  );
}

async function startServices() {
  const [collector, database] = await Promise.all([
    startCollector({ processes }),
    startDatabase({ processes }),
  ]);
  const on = {
    OTEL_ENABLED: "true",
    OTEL_TRACES_SAMPLER_ARG: "1",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  };
  const inventory = await startInventory({ processes, env: { ...on, OTEL_SERVICE_NAME: "inventory" } });
  const env = {
    ...on,
    OTEL_BSP_SCHEDULE_DELAY: "100",
    THROUGHLINE_FLUSH_TOKEN: "packed",
    INVENTORY_URL: inventory.url,
    DATABASE_URL: database.url,
  };
  return { collector, env };
}

/** Sentences about what is wrong with one build; none when all is well. */
async function check({ folder, combination, collector, env, browser }) {
  const log = await buildApp(folder, combination, env);
  const hooks = log.filter((line) => line.includes("in-the-middle")).map((line) => `the build says: ${line}`);
  const cwd = servedFolder(folder, combination);
  const { library, standalone } = combination;
  if (standalone) folders.push(cwd);
  const traced = await withServer({ cwd, standalone, env }, async (url, lines) => {
    const { status } = await fetch(url);
    const faults = await faultsOfTrace(collector.url, await clickBuy(browser, url), library);
    const unpatched = lines.filter((line) => /NOT patched|in-the-middle|Cannot find/.test(line));
    const said = faults.length > 0 ? lines.slice(-10).map((line) => `the server said: ${line}`) : [];
    const found = await examine(folder, url, env);
    return [
      ...(status === 200 ? [] : [`the page answers ${status}`]),
      ...faults,
      ...unpatched,
      ...said,
      ...found,
    ];
  });
  const failing = await checkFaults({ cwd, standalone, env });
  return [...hooks, ...traced, ...failing];
}

/** What the command says, as it was installed. */
async function examine(folder, url, env) {
  const command = join(folder, "node_modules/.bin/throughline");
  const { stdout = "", stderr = "" } = await run(command, ["doctor", url, "--no-browser"], {
    env: { ...process.env, ...env },
  }).catch((error) => error);
  const [first = ""] = `${stdout}${stderr}`.split("\n");
  return first.startsWith("nothing broken was seen") ? [] : [`the doctor says: ${first}`];
}

/** The app answers, whatever happens to the tracing. */
async function checkFaults({ cwd, standalone, env }) {
  const found = [];
  for (const [name, fault] of Object.entries(FAULTS)) {
    const serving = withServer({ cwd, standalone, env: { ...env, ...fault } }, async (url, lines) => {
      const page = await fetch(url);
      const order = await fetch(`${url}/api/orders`, { method: "POST" });
      if (page.status !== 200 || order.status !== 200)
        found.push(`${name}: the page answers ${page.status}, the route ${order.status}`);
      if (!lines.some((line) => line.includes("broken on purpose"))) found.push(`${name}: nobody was told`);
    });
    await serving.catch((error) => found.push(`${name}: ${error.message}`));
  }
  return found;
}

/** One app by one package manager, in each of its builds. */
async function checkApp({ manager, library, archives, collector, env }) {
  const combinations = COMBINATIONS.filter(
    (combination) => combination.library === library && isWanted(manager, combination),
  );
  if (combinations.length === 0) return;
  const installed = await installApp(manager, APPS[library](archives));
  const { folder } = installed;
  folders.push(folder);
  for (const combination of combinations) {
    const startMs = performance.now();
    const found = await check({ folder, combination, collector, env, browser }).catch((error) => [
      [error.message, ...(error.lines ?? [])].join("\n    "),
    ]);
    const faults = [...installed.faults, ...found];
    const seconds = Math.round((performance.now() - startMs) / 1000);
    const name = nameOf(manager, combination).join(" · ");
    console.log(`${faults.length === 0 ? "whole " : "BROKEN"}  ${name}  (${seconds} s)`);
    for (const fault of faults) console.log(`  ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
  }
}

const browser = await chromium.launch(chromiumLaunchOptions());
try {
  await buildPackages({ processes });
  const archives = await pack();
  const services = await startServices();
  for (const manager of MANAGERS) {
    for (const library of Object.keys(APPS)) await checkApp({ manager, library, archives, ...services });
  }
} finally {
  await browser.close();
  await processes.stopAll();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
