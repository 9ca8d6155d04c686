import { randomUUID } from "node:crypto";
import { defineConfig } from "@playwright/test";

process.env.THROUGHLINE_FLUSH_TOKEN ??= randomUUID();

export default defineConfig({
  testDir: ".",
  globalSetup: "./setup.ts",
  workers: 1,
  timeout: 180_000,
  expect: { timeout: 15_000 },
  reporter: "list",
});
