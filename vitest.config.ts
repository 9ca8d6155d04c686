import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { chromiumLaunchOptions } from "./scripts/chromium.mjs";

// What passed only on the second try is named by `npm test`.
const retry = process.env.CI ? 1 : 0;

/** Of what runs in the user's Vite. */
const NODE_TESTS = ["src/**/*.node.test.ts"];

/** How soon a process ends after a signal, by the clock on the wall. */
const TIMED_TESTS = ["src/pipeline/faults.test.ts"];

/** What starts first, because it runs longest: Playwright in processes of its own. */
const LONG_TESTS = ["playwright/src/{fixture,readme}.test.ts"];

const node = (room: string) => ({
  test: {
    name: room,
    retry,
    root: `packages/${room}`,
    include: ["src/**/*.test.ts"],
    environment: "node" as const,
  },
});

export default defineConfig({
  test: {
    // By default one of two cores stays idle, and much of this waits.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "core, collector, playwright",
          retry,
          root: "packages",
          include: ["{core,collector,playwright}/src/**/*.test.ts"],
          exclude: LONG_TESTS,
          environment: "node",
          // They leave nothing registered or patched; a process for each file would cost twice what it runs.
          isolate: false,
        },
      },
      {
        test: {
          name: "playwright (long)",
          retry,
          root: "packages",
          include: LONG_TESTS,
          environment: "node",
        },
      },
      { test: { ...node("server").test, exclude: TIMED_TESTS } },
      // After all others, because nothing may run beside them.
      {
        test: {
          ...node("server").test,
          name: "server (timed)",
          include: TIMED_TESTS,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...node("web").test, name: "web (node)", include: NODE_TESTS } },
      {
        // Named, or Vite finds them one by one and reloads the page in the middle of a cold run.
        optimizeDeps: {
          include: [
            "@opentelemetry/api",
            "@opentelemetry/context-zone",
            "@opentelemetry/core",
            "@opentelemetry/instrumentation-fetch",
            "@opentelemetry/otlp-transformer",
            "@opentelemetry/resources",
            "@opentelemetry/sdk-trace-base",
            "@opentelemetry/sdk-trace-web",
          ],
        },
        test: {
          name: "web",
          retry,
          root: "packages/web",
          include: ["src/**/*.test.ts"],
          exclude: NODE_TESTS,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: chromiumLaunchOptions() }),
            instances: [{ browser: "chromium" as const }],
          },
        },
      },
    ],
  },
});
