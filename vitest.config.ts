import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { chromiumLaunchOptions } from "./scripts/chromium.mjs";

// What passed only on the second try is named by `npm test`.
const retry = process.env.CI ? 1 : 0;

/** Of what runs in the user's Vite. */
const NODE_TESTS = ["src/**/*.node.test.ts"];

/** How soon a process ends after a signal, by the clock on the wall. */
const TIMED_TESTS = ["src/pipeline/faults.test.ts"];

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
      node("core"),
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
      node("collector"),
      node("playwright"),
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
