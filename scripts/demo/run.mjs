// The whole demo, from the command line to the exit code.
import { randomBytes } from "node:crypto";
import { buildPackages, buildShop } from "../builds.mjs";
import { installDependencies, needsInstall } from "../install.mjs";
import { freePort } from "../ports.mjs";
import { ChildError, createProcesses } from "../processes.mjs";
import { startCollector, startDatabase, startInventory, startShop } from "../services.mjs";
import { helpText, readOptions } from "./options.mjs";
import { createProgress } from "./progress.mjs";

/** Resolves to the exit code, once nothing of the demo runs any more. */
export async function runDemo(argv) {
  let options;
  try {
    options = readOptions(argv, process.env);
  } catch (error) {
    console.error(`throughline: ${error.message}. See npm run demo -- --help`);
    return 2;
  }
  if (options.help) {
    console.log(helpText());
    return 0;
  }
  const progress = createProgress(process.stdout);
  const output = createOutput(progress);
  const processes = createProcesses({ onLine: output.line });
  const stopped = stopRequest(processes);
  try {
    await Promise.race([startDemo(options, progress, processes), processes.died, stopped]);
    if (!options.exitAfterReady && !stopped.requested()) {
      output.open();
      await Promise.race([processes.died, stopped]);
    }
    return 0;
  } catch (error) {
    progress.stop();
    if (!stopped.requested()) printFailure(error);
    return stopped.requested() ? 0 : 1;
  } finally {
    output.close();
    progress.stop();
    await stopEverything(processes);
  }
}

async function startDemo({ ports }, progress, processes) {
  const from = Date.now();
  if (needsInstall()) {
    await progress.step("installing dependencies", "dependencies installed", () =>
      installDependencies({ processes }),
    );
  }
  const port = await choosePorts(ports, progress);
  const collectorUrl = `http://localhost:${port["collector-port"]}`;
  const env = {
    OTEL_ENABLED: "true",
    OTEL_TRACES_SAMPLER_ARG: "1",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port["collector-port"]}`,
    // Half a second instead of five: a trace should be there when the eye arrives.
    OTEL_BSP_SCHEDULE_DELAY: "500",
  };
  const shopEnv = { ...env, OTEL_SERVICE_NAME: "shop" };
  // Who has it may ask the shop how its tracing is.
  const given = process.env.THROUGHLINE_FLUSH_TOKEN;
  const token = given || randomBytes(4).toString("hex");

  const database = provideDatabase(port["database-port"], progress, processes);
  // Reported when awaited below, not before.
  database.catch(() => undefined);
  await progress.step("building the packages", "packages built", () => buildPackages({ processes }));
  const [, inventory, databaseUrl] = await Promise.all([
    progress.step("starting the collector", "collector", () =>
      startCollector({ port: port["collector-port"], grpcPort: port["collector-grpc-port"], processes }),
    ),
    progress.step("starting the inventory", "inventory", () =>
      startInventory({
        port: port["inventory-port"],
        env: { ...env, OTEL_SERVICE_NAME: "inventory" },
        processes,
      }),
    ),
    database,
    progress.step(
      "building the shop",
      ({ built }) => (built ? "shop built" : "shop unchanged since its last build"),
      () => buildShop({ env: shopEnv, processes }),
    ),
  ]);
  const shop = await progress.step("starting the shop", "shop", () =>
    startShop({
      port: port["shop-port"],
      env: {
        ...shopEnv,
        INVENTORY_URL: inventory.url,
        DATABASE_URL: databaseUrl,
        THROUGHLINE_VIEWER_URL: collectorUrl,
        THROUGHLINE_FLUSH_TOKEN: token,
      },
      processes,
    }),
  );
  const took = Math.round((Date.now() - from) / 1000);
  progress.write(`\n  Ready in ${took} s.\n\n  Shop    ${shop.url}\n  Traces  ${collectorUrl}`);
  // The user's own is in their terminal already, and is printed nowhere.
  const assignment = given ? "" : `THROUGHLINE_FLUSH_TOKEN=${token} `;
  progress.write(`  Doctor  ${assignment}npm run doctor -- ${shop.url} --dir apps/demo\n`);
  progress.write("  Press Buy. Every finished trace is listed here; Ctrl-C stops everything.\n");
}

async function provideDatabase(port, progress, processes) {
  const own = process.env.DATABASE_URL;
  if (!own) {
    const { url } = await progress.step("starting the database", "database", () =>
      startDatabase({ port, processes }),
    );
    return url;
  }
  await progress.step("preparing your database", "table in the database of DATABASE_URL", async () => {
    // Not at the top: before the installation there is no `pg` to import.
    const { applySchema } = await import("../../apps/demo/database/apply-schema.mjs");
    await applySchema(own);
  });
  return own;
}

async function choosePorts(preferred, progress) {
  const chosen = {};
  const taken = new Set();
  for (const [name, wanted] of Object.entries(preferred)) {
    const port = await freePort(wanted, taken);
    taken.add(port);
    chosen[name] = port;
    if (port !== wanted) progress.write(`  ! port ${wanted} (--${name}) is busy, using ${port}`);
  }
  return chosen;
}

/** What the children say: nothing while they start, then the collector's traces and everybody's complaints. */
function createOutput(progress) {
  let open = false;
  return {
    open: () => {
      open = true;
    },
    close: () => {
      open = false;
    },
    line: (name, line, stream) => {
      if (!open || line.trim() === "") return;
      if (name === "the collector") progress.write(`  ${line}`);
      else if (stream === "stderr") progress.write(`  ${name.replace(/^the /, "")}: ${line}`);
    },
  };
}

/** Resolves at the first Ctrl-C; a later one stops waiting for anybody. */
function stopRequest(processes) {
  let requestedAt = 0;
  const request = new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      process.on(signal, () => {
        // npm passes on the Ctrl-C that the terminal has already sent: two signals, one wish.
        if (requestedAt !== 0 && Date.now() - requestedAt > 500) {
          processes.killAll();
          process.exit(0);
        }
        requestedAt ||= Date.now();
        resolve();
      });
    }
  });
  // Writing to a terminal or pipe that is gone must not end the process before its children.
  process.stdout.on("error", () => undefined);
  return Object.assign(request, { requested: () => requestedAt !== 0 });
}

async function stopEverything(processes) {
  if (process.stdout.isTTY) process.stdout.write("\n  Stopping…");
  await processes.stopAll();
  console.log(process.stdout.isTTY ? "\r\u001b[K  Stopped." : "  Stopped.");
}

function printFailure(error) {
  console.error(`\n${error.message}`);
  if (error instanceof ChildError && error.lines.length > 0) {
    console.error("Its last lines:\n");
    for (const line of error.lines) console.error(`  ${line}`);
  }
}
