#!/usr/bin/env node
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SettingsError } from "@throughline/core";
import { PortBusyError, type RunningCollector, startCollector } from "./ports/serve.ts";
import { type CliSettings, type Flag, readCliSettings } from "./settings.ts";
import { createMemoryStore } from "./store/memory-store.ts";
import type { SpanStore } from "./store/span-store.ts";
import { openSqliteStore } from "./store/sqlite-store.ts";
import { startTraceLog } from "./trace-log.ts";

const HELP = `throughline-collector: receives OTLP traces, keeps them, shows them

Usage: throughline-collector [flags]

  --port <number>       viewer, OTLP/HTTP and gRPC (default 4318, 0 takes a free one)
  --grpc-port <number>  the same on a second port (default 4317)
  --host <name>         address to listen on (default localhost: this machine only)
  --store <kind>        sqlite (kept over restarts, Node 22.13 or later) or memory
  --file <path>         the sqlite file (default: one per port in ~/.cache/throughline)
  --max-mb <number>     oldest traces go when spans take more than this (default 256)
  --help                this text

Each flag has a variable: --grpc-port is THROUGHLINE_COLLECTOR_GRPC_PORT, and so on.
Variables only: THROUGHLINE_COLLECTOR_ALLOWED_ORIGINS (pages that may send spans, besides
loopback), THROUGHLINE_COLLECTOR_ALLOWED_HOSTS (names this collector answers to), NO_COLOR.`;

const FLAGS = ["port", "grpc-port", "host", "store", "file", "max-mb"] as const;

/** A mistake of the caller: one sentence, exit code 2. */
class UsageError extends Error {}

async function main(): Promise<void> {
  const flags = readFlags(process.argv.slice(2));
  if (flags === "help") {
    console.log(HELP);
    return;
  }
  const settings = readCliSettings(flags);
  const { store, note } = await openStore(settings);
  const running = await startCollector({ ...settings, store });
  const stopLog = startTraceLog({
    subscribe: running.collector.subscribe,
    getTrace: store.getTrace,
    write: (line) => console.log(line),
    url: running.url,
    colour: process.stdout.isTTY === true && settings.noColour === "",
  });
  const stop = (): void => {
    stopLog();
    void running.stop().then(() => console.log("throughline: collector stopped"));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  // Who reads it may end us at once.
  console.log(startLine(running, store));
  for (const line of [note, warnOpen(settings)]) if (line !== "") console.log(line);
}

function readFlags(args: readonly string[]): { readonly [flag: Flag]: string } | "help" {
  const options = Object.fromEntries(FLAGS.map((flag) => [flag, { type: "string" as const }]));
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: "boolean", short: "h" } },
    });
    if (values.help === true) return "help";
    return Object.fromEntries(Object.entries(values).map(([flag, value]) => [`--${flag}`, String(value)]));
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error);
    throw new UsageError(`throughline: ${reason}; --help lists the flags`);
  }
}

async function openStore(
  settings: CliSettings,
): Promise<{ readonly store: SpanStore; readonly note: string }> {
  const limits = { maxBytes: settings.maxMb * 1024 * 1024 };
  if (settings.store === "memory") return { store: createMemoryStore(limits), note: "" };
  const file = settings.file || join(homedir(), ".cache", "throughline", `collector-${settings.port}.db`);
  try {
    return { store: await openSqliteStore({ ...limits, file }), note: `Traces are kept in ${file}` };
  } catch (error) {
    // A named file is a wish that must not be dropped silently; the default one is only a comfort.
    if (settings.file !== "") throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return {
      store: createMemoryStore(limits),
      note: `Traces are kept in memory until the collector stops: ${reason.replace("throughline: ", "")}`,
    };
  }
}

function startLine(running: RunningCollector, store: SpanStore): string {
  const grpc = running.grpcPort === undefined ? "" : ` and ${running.grpcPort}`;
  return `throughline: ${running.url} (OTLP on ${running.port}${grpc}, store: ${store.kind})`;
}

function warnOpen({ host, allowedHosts }: CliSettings): string {
  if (["localhost", "127.0.0.1", "::1"].includes(host)) return "";
  const warning = `Warning: ${host} can be reached from other machines, and the collector asks for no password.`;
  if (allowedHosts.length > 0) return warning;
  return `${warning}\nIt still answers to localhost only: name what others call it in THROUGHLINE_COLLECTOR_ALLOWED_HOSTS, in Compose the service (collector).`;
}

/** Says who holds the port, when it is another collector. */
async function explain(error: PortBusyError): Promise<string> {
  const answer = await fetch(`http://localhost:${error.port}/api/stats`, {
    signal: AbortSignal.timeout(1000),
  })
    .then((response) => response.json() as Promise<{ readonly traces?: number }>)
    .catch(() => undefined);
  if (typeof answer?.traces !== "number") return `${error.message}; the flags are --port and --grpc-port`;
  return `throughline: port ${error.port} is in use by another throughline collector, which holds ${answer.traces} traces; use it at http://localhost:${error.port}, stop it, or choose another --port and --grpc-port`;
}

main().catch(async (error: unknown) => {
  const usage = error instanceof UsageError || error instanceof SettingsError;
  const message = error instanceof Error ? error.message : String(error);
  console.error(error instanceof PortBusyError ? await explain(error) : message);
  process.exitCode = usage ? 2 : 1;
});
