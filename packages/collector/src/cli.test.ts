import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type RunningCollector, startCollector } from "./ports/serve.ts";

vi.setConfig({ testTimeout: 30_000 });

// The command as a process of its own, compiled from this source on the spot.
const folder = mkdtempSync(join(tmpdir(), "throughline-cli-"));
const command = join(folder, "cli.mjs");
beforeAll(() =>
  build({
    entryPoints: [fileURLToPath(new URL("./cli.ts", import.meta.url))],
    outfile: command,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  }),
);
afterAll(() => rmSync(folder, { recursive: true }));

interface Running {
  readonly child: ChildProcess;
  output(): string;
  errors(): string;
  readonly exit: Promise<number | null>;
}

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [command, ...args], {
    env: { NODE_ENV: "test", PATH: process.env.PATH ?? "", HOME: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    errors += String(chunk);
  });
  const exit = once(child, "close").then(([code]) => code as number | null);
  return { child, output: () => output, errors: () => errors, exit };
}

async function addressOf(running: Running): Promise<string> {
  return vi.waitFor(
    () => {
      const address = /http:\/\/localhost:\d+/.exec(running.output())?.[0];
      if (address === undefined) throw new Error(`no start line yet: ${running.output()}${running.errors()}`);
      return address;
    },
    { timeout: 10_000 },
  );
}

const FREE_PORTS = ["--port", "0", "--grpc-port", "0"];
const ROOT_SPAN = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  name: "nightly job",
};

describe("the command", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "starts, writes a line for a trace, and stops on %s",
    async (signal) => {
      const running = run([...FREE_PORTS, "--store", "memory"]);
      const address = await addressOf(running);
      expect(running.output()).toMatch(
        /^throughline: http:\/\/localhost:\d+ \(OTLP on \d+ and \d+, store: memory\)\n$/,
      );
      const response = await fetch(`${address}/v1/traces`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [ROOT_SPAN] }] }] }),
      });
      expect(response.status).toBe(200);
      const line = `✓ nightly job  0.0 ms  1 span  unknown_service  ${address}/trace/${ROOT_SPAN.traceId}\n`;
      await vi.waitFor(() => expect(running.output()).toContain(line), { timeout: 10_000 });
      running.child.kill(signal);
      expect(await running.exit).toBe(0);
      expect(running.output()).toMatch(/collector stopped\n$/);
      expect(running.errors()).toBe("");
    },
  );

  test("takes variables, and flags over them", async () => {
    const running = run(["--store", "memory"], {
      THROUGHLINE_COLLECTOR_PORT: "0",
      THROUGHLINE_COLLECTOR_GRPC_PORT: "0",
      THROUGHLINE_COLLECTOR_STORE: "sqlite",
    });
    await addressOf(running);
    expect(running.output()).toContain("store: memory");
  });

  test.each([
    [{}, true],
    [{ THROUGHLINE_COLLECTOR_ALLOWED_HOSTS: "collector" }, false],
  ])("on an open address with %j, says that it needs its name: %s", async (variables, says) => {
    const running = run([...FREE_PORTS, "--store", "memory", "--host", "0.0.0.0"], variables);
    await vi.waitFor(() => expect(running.output()).toContain("asks for no password"), { timeout: 10_000 });
    running.child.kill("SIGTERM");
    expect(await running.exit).toBe(0);
    expect(running.output().includes("THROUGHLINE_COLLECTOR_ALLOWED_HOSTS")).toBe(says);
  });

  test("by default keeps traces in sqlite, or says in one line why not", async () => {
    const running = run(FREE_PORTS);
    await addressOf(running);
    await vi.waitFor(() =>
      expect(running.output()).toMatch(
        /store: sqlite\)\nTraces are kept in .*collector-0\.db\n|store: memory\)\nTraces are kept in memory until the collector stops: .*node:sqlite.*\n/,
      ),
    );
  });

  test("prints its help", async () => {
    const running = run(["--help"]);
    expect(await running.exit).toBe(0);
    for (const flag of ["--port", "--grpc-port", "--host", "--store", "--file", "--max-mb", "--help"]) {
      expect(running.output()).toContain(flag);
    }
  });

  test.each([
    [["--prot", "1"], "throughline: Unknown option '--prot'; --help lists the flags\n"],
    [["stray"], "throughline: Unexpected argument 'stray'"],
    [
      ["--port", "abc", "--store", "disk"],
      'throughline: --port="abc": expected a whole number from 0 to 65535; --store="disk": expected one of memory, sqlite\n',
    ],
  ])("%j is one clear sentence and exit code 2", async (args, sentence) => {
    const running = run(args);
    expect(await running.exit).toBe(2);
    expect(running.errors()).toContain(sentence);
    expect(running.errors().trim().split("\n")).toHaveLength(1);
  });

  test("a busy port is one sentence that names the collector on it, and exit code 1", async () => {
    const other: RunningCollector = await startCollector({ port: 0 });
    const running = run(["--port", String(other.port), "--grpc-port", "0", "--store", "memory"]);
    expect(await running.exit).toBe(1);
    await other.stop();
    expect(running.errors()).toMatch(
      new RegExp(`^throughline: port ${other.port} is in use by another throughline collector, .*\n$`),
    );
  });
});
