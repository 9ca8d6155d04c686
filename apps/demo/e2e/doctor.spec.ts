import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { chromiumLaunchOptions, findChromium } from "../../../scripts/chromium.mjs";
import { freePort } from "../../../scripts/ports.mjs";
import { createProcesses, saysLine } from "../../../scripts/processes.mjs";
import { startShop } from "../../../scripts/services.mjs";
import { startGateway } from "./doctor/gateway.ts";
import { SEEDS, type Seed } from "./doctor/seeds.ts";
import { tracingEnv } from "./environment.ts";
import { readTrace } from "./trace-reading.ts";

const demo = fileURLToPath(new URL("../", import.meta.url));
const doctor = fileURLToPath(new URL("../../../packages/server/dist/cli.js", import.meta.url));

interface Told {
  readonly code: number;
  readonly lines: readonly string[];
  readonly seconds: number;
}

/** Runs the command as a user would, in a process of its own. */
function runDoctor(url: string, args: readonly string[], env: Record<string, string> = {}): Promise<Told> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [doctor, "doctor", url, "--dir", demo, ...args],
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) =>
        resolve({
          code: error ? Number(error.code) : 0,
          lines: `${stdout}${stderr}`.split("\n"),
          seconds: (performance.now() - startMs) / 1000,
        }),
    );
  });
}

const browser = ["--browser", findChromium() ?? ""];

/** The built shop with what `seed` breaks; the result is stopped by `stop`. */
async function startSeeded(seed: Seed) {
  const [collector, other] = await Promise.all([seed.collector?.(), seed.other?.()]);
  const { OTEL_EXPORTER_OTLP_ENDPOINT: usual = "", ...env } = tracingEnv("shop-seeded");
  const folder = seed.spoil && copyBuild(seed.spoil);
  const isOfShop = seed.env ?? seed.collector ?? seed.path ?? folder;
  // What is broken before the shop is broken before any.
  const shop = isOfShop
    ? await startShop({
        ...(folder && { folder }),
        env: {
          ...env,
          OTEL_EXPORTER_OTLP_ENDPOINT: `${collector?.url ?? usual}${seed.path ?? ""}`,
          ...seed.env,
        },
      })
    : { url: process.env.E2E_SHOP_URL ?? "", stop: () => Promise.resolve() };
  const gateway = seed.gateway && (await startGateway(shop.url, seed.gateway(other?.url ?? "")));
  return {
    url: gateway?.url ?? shop.url,
    stop: async () => {
      gateway?.stop();
      collector?.stop();
      other?.stop();
      await shop.stop();
      if (folder) rmSync(folder, { recursive: true });
    },
  };
}

/** Below the demo, from where Node finds the same packages. */
function copyBuild(spoil: (folder: string) => void): string {
  const folder = mkdtempSync(join(demo, ".next-doctor-"));
  for (const name of ["package.json", "next.config.ts"]) cpSync(join(demo, name), join(folder, name));
  cpSync(join(demo, ".next"), join(folder, ".next"), {
    recursive: true,
    filter: (path) => !path.endsWith(".next/cache"),
  });
  spoil(folder);
  return folder;
}

/** What the second line names. */
const CURES: Readonly<Record<string, RegExp>> = {
  "collector-unreachable": /^What to do: Start the collector there .*OTEL_EXPORTER_OTLP_ENDPOINT\.$/,
  "wrong-path": /takes the address before \/v1\/traces/,
  unauthorized: /OTEL_EXPORTER_OTLP_HEADERS/,
  "collector-slow": /overloaded, or a firewall/,
  certificate: /OTEL_EXPORTER_OTLP_CERTIFICATE/,
  "collector-refuses": /the collector's log/,
  "protocol-mix": /4317 is the port of gRPC/,
  "cors-denied": /Access-Control-Allow-Headers: traceparent|Leave endpoint out of startWebTracing/,
  "csp-denied": /connect-src/,
  "unsampled-parent": /proxy or gateway keep the caller's traceparent/,
  "trace-header-lost": /pass traceparent and tracestate on/,
  "no-propagator": /let it hold tracecontext/,
  "duplicate-api": /Add "overrides": \{ "@opentelemetry\/api"/,
  "register-not-called": /export \{ register, onRequestError \}/,
  disabled: /OTEL_ENABLED=true/,
  "bad-setting": /Correct or unset/,
  "start-failed": /Mend what is named/,
  "nothing-exported": /OTEL_TRACES_SAMPLER_ARG|let it hold otlp/,
  "export-blocked": /filter of the network/,
};

for (const seed of SEEDS) {
  test(`${seed.name}: ${seed.code}`, async () => {
    const seeded = await startSeeded(seed);
    try {
      const { code, lines } = await runDoctor(seeded.url, seed.isInPage ? browser : ["--no-browser"]);
      expect(lines[0]).toMatch(new RegExp(`^${seed.code}: `));
      expect(lines[0]).toMatch(seed.says);
      expect(lines[1]).toMatch(CURES[seed.code] ?? "no cure is known");
      expect(code).toBe(1);
    } finally {
      await seeded.stop();
    }
  });
}

test("the shop as it is: healthy, each step looked at, in less than 15 s", async () => {
  const { code, lines, seconds } = await runDoctor(process.env.E2E_SHOP_URL ?? "", browser);
  expect(lines[0]).toMatch(/^healthy: /);
  expect(lines.filter((line) => /^ {2}(-|FAIL) /.test(line))).toEqual([]);
  expect(lines.filter((line) => line.startsWith("  ok ")).length).toBe(12);
  expect(code).toBe(0);
  expect(seconds).toBeLessThan(15);
  const [, traceId = ""] = /continues a caller's trace: trace (\w+)/.exec(lines.join("\n")) ?? [];
  await expect.poll(async () => (await readTrace(traceId))?.rows[0]?.label).toBe("throughline doctor");
  const trace = await readTrace(traceId);
  expect(trace?.summary.testCaseId, "its own requests are marked as a test's").toBe("throughline doctor");
  expect(trace?.rows.map(({ label }) => label)).toContain("GET /");
  expect(trace?.findings).toEqual([]);
});

test("the share of production: healthy, in each run", async () => {
  const shop = await startShop({ env: { ...tracingEnv("shop-share"), OTEL_TRACES_SAMPLER_ARG: "0.1" } });
  try {
    const { code, lines } = await runDoctor(shop.url, browser);
    expect(lines[0]).toMatch(/^healthy: |^nothing broken was seen at .*; 1 of 12 steps were not looked at/);
    expect(lines.join("\n")).toContain("0.1 of all traces are kept (as set)");
    expect(lines.filter((line) => line.startsWith("  ok ")).length).toBeGreaterThanOrEqual(11);
    expect(code).toBe(0);
  } finally {
    await shop.stop();
  }
});

test("a production server tells nothing to another token, and the rest is still looked at", async () => {
  const tokens = { none: "", another: "another" };
  const asked = Object.entries(tokens).map(async ([has, token]) => {
    const env = { THROUGHLINE_FLUSH_TOKEN: token };
    return { has, ...(await runDoctor(process.env.E2E_SHOP_URL ?? "", browser, env)) };
  });
  for (const { has, code, lines } of await Promise.all(asked)) {
    expect(lines[0]).toMatch(new RegExp(`^token-mismatch: .*the doctor ${has}`));
    expect(lines[1]).toMatch(/^What to do: .*THROUGHLINE_FLUSH_TOKEN=/);
    expect(lines.filter((line) => line.startsWith("  ok ")).length).toBe(5);
    expect(code).toBe(1);
  }
});

test("a production server without a token and with a dead collector is no all-clear", async () => {
  const env = { ...tracingEnv("shop-quiet"), OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
  const shop = await startShop({ env: { ...env, THROUGHLINE_FLUSH_TOKEN: "" } });
  try {
    const { code, lines } = await runDoctor(shop.url, browser);
    expect(lines[0]).toMatch(/^cannot tell: 6 of 12 steps were not looked at: .*THROUGHLINE_FLUSH_TOKEN$/);
    expect(lines[1]).toMatch(
      /^What to do: Start the app and the doctor with the same THROUGHLINE_FLUSH_TOKEN/,
    );
    expect(code).toBe(3);
  } finally {
    await shop.stop();
  }
});

test("an ad blocker in the user's own browser is named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-blocker-"));
  const extension = join(folder, "extension");
  // Chromium writes beside what it reads.
  cpSync(fileURLToPath(new URL("./doctor/blocker", import.meta.url)), extension, { recursive: true });
  const port = await freePort(0);
  const processes = createProcesses();
  try {
    await processes.start({
      name: "a browser with a blocker",
      command: findChromium() ?? "",
      args: [
        ...chromiumLaunchOptions().args,
        "--headless=new",
        `--remote-debugging-port=${port}`,
        `--user-data-dir=${join(folder, "profile")}`,
        "--disable-features=DisableLoadExtensionCommandLineSwitch",
        `--load-extension=${extension}`,
        "about:blank",
      ],
      ready: saysLine(/DevTools listening/),
    });
    const devTools = ["--devtools", `http://127.0.0.1:${port}`];
    const { code, lines } = await runDoctor(process.env.E2E_SHOP_URL ?? "", devTools);
    expect(lines[0]).toMatch(/^export-blocked: .*\/api\/tl\/v1\/traces: net::ERR_BLOCKED_BY_CLIENT/);
    expect(lines[1]).toContain("ad blocker");
    expect(code).toBe(1);
  } finally {
    await processes.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("pages whose posts are blocked are named, whoever asks", async ({ page }) => {
  const shop = await startShop({ env: tracingEnv("shop-blocked") });
  try {
    await page.route("**/api/tl/**", (route) => route.abort("blockedbyclient"));
    await page.goto(shop.url);
    await page.evaluate(async () => {
      for (let asked = 0; asked < 20; asked++) await fetch("/api/orders");
    });
    const { code, lines } = await runDoctor(shop.url, ["--no-browser"]);
    expect(lines[0]).toMatch(
      /^export-blocked: 2\d requests of pages named a trace .*no page has posted a span/,
    );
    expect(code).toBe(1);
  } finally {
    await shop.stop();
  }
});

test("what it is called wrongly with is said in one sentence, with exit code 2", async () => {
  const calls = [
    [["localhost:3000"], /expected one such as http:\/\/localhost:3000/],
    [["http://localhost:3000", "--browsers"], /browsers.*--help/],
    [["http://localhost:3000", "--ingest-path", "api"], /expected a path such as \/api\/tl/],
    [["http://me:secret@localhost:3000"], /leave it out/],
    [[process.env.E2E_SHOP_URL ?? "", "--browser", "/none"], /\/none did not start.*--browser/],
    [
      [process.env.E2E_SHOP_URL ?? "", "--devtools", "http://127.0.0.1:9"],
      /no browser answers at http:\/\/127.0.0.1:9/,
    ],
  ] as const;
  const asked = calls.map(async ([[url, ...rest], says]) => ({ says, ...(await runDoctor(url, rest)) }));
  for (const { says, code, lines } of await Promise.all(asked)) {
    expect(code).toBe(2);
    expect(lines[0]).toMatch(/^throughline: /);
    expect(lines[0]).toMatch(says);
    expect(lines[0]).not.toContain("secret");
  }
});
