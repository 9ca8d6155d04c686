import { randomUUID } from "node:crypto";
import { defineConfig } from "@playwright/test";
import { chromiumLaunchOptions } from "./scripts/chromium.mjs";

// Workers load this file again: what the main process chose reaches them through the environment.
process.env.THROUGHLINE_FLUSH_TOKEN ??= randomUUID();

export default defineConfig({
  testDir: "apps/demo/e2e",
  globalSetup: "./apps/demo/e2e/global-setup.ts",
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  workers: 2,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: "list",
  // The builds of the disabled path take both cores for a minute; nothing with a deadline runs beside them.
  projects: [
    { name: "running", testIgnore: "disabled.spec.ts" },
    { name: "building", testMatch: "disabled.spec.ts", dependencies: ["running"] },
  ],
  use: {
    // Known once the global setup has found a free port; workers see it.
    baseURL: process.env.E2E_SHOP_URL,
    browserName: "chromium",
    launchOptions: chromiumLaunchOptions(),
  },
});
