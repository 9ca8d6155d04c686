import { randomUUID } from "node:crypto";
import { defineConfig } from "@playwright/test";
import { chromiumLaunchOptions } from "./scripts/chromium.mjs";

// Workers load this file again: what the main process chose reaches them through the environment.
process.env.THROUGHLINE_FLUSH_TOKEN ??= randomUUID();

const BUILDING = [
  "disabled",
  "stub-weight",
  "context",
  "page-load",
  "outside-next",
  "vite-plugin",
  "server-matrix",
  "edge",
  "next-dev",
  "route-names",
].map((name) => `**/${name}.spec.ts`);

/** What `E2E_PRESET=classic` runs: all that is about a page's own requests and clicks. */
const CLASSIC = [
  "clock-skew",
  "delivery-limits",
  "export-delivery",
  "interleaved-clicks",
  "late-chunk",
  "one-click-one-trace",
  "page-close",
  "privacy",
  "request-shapes",
  "shop-page",
  "third-party",
].map((name) => `**/${name}.spec.ts`);
const isClassic = process.env.E2E_PRESET === "classic";

export default defineConfig({
  testDir: "apps/demo/e2e",
  globalSetup: "./apps/demo/e2e/global-setup.ts",
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  // What passed only on the second try is named by `npm test`.
  retries: process.env.CI ? 1 : 0,
  workers: 2,
  timeout: 60_000,
  // What has to fail there does not take all day.
  expect: { timeout: isClassic ? 5_000 : 15_000 },
  reporter: "list",
  // A build takes both cores for a minute; nothing with a deadline runs beside one.
  projects: isClassic
    ? [
        { name: "classic", testMatch: CLASSIC },
        // By hand: `npm test` asks for the first alone.
        { name: "building", testMatch: "**/page-load.spec.ts", dependencies: ["classic"] },
      ]
    : [
        { name: "running", testIgnore: [...BUILDING, "**/engines/**"] },
        { name: "building", testMatch: BUILDING, dependencies: ["running"] },
      ],
  use: {
    // Known once the global setup has found a free port; workers see it.
    baseURL: process.env.E2E_SHOP_URL,
    browserName: "chromium",
    launchOptions: chromiumLaunchOptions(),
  },
});
