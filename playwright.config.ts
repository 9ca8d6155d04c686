import { randomUUID } from "node:crypto";
import { defineConfig } from "@playwright/test";
import { chromiumLaunchOptions } from "./scripts/chromium.mjs";

// Workers load this file again: what the main process chose reaches them through the environment.
process.env.E2E_PORT ??= "4710";
process.env.THROUGHLINE_FLUSH_TOKEN ??= randomUUID();
const base = Number(process.env.E2E_PORT);
const url = (offset: number) => `http://127.0.0.1:${base + offset}`;
process.env.THROUGHLINE_COLLECTOR_URL ??= url(0);
process.env.E2E_SHOP_URL ??= `http://localhost:${base + 1}`;
process.env.E2E_PLAIN_URL ??= `http://127.0.0.1:${base + 5}`;
process.env.E2E_INVENTORY_URL ??= url(2);
process.env.E2E_DATABASE_URL ??= `postgres://postgres:postgres@127.0.0.1:${base + 3}/postgres`;

const tracing = {
  OTEL_ENABLED: "true",
  OTEL_TRACES_SAMPLER_ARG: "1",
  OTEL_EXPORTER_OTLP_ENDPOINT: url(0),
  OTEL_BSP_SCHEDULE_DELAY: "100",
};

export default defineConfig({
  testDir: "apps/demo/e2e",
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  workers: 2,
  timeout: 60_000,
  reporter: "list",
  use: {
    baseURL: process.env.E2E_SHOP_URL,
    browserName: "chromium",
    launchOptions: chromiumLaunchOptions(),
  },
  webServer: [
    {
      name: "collector",
      command: `node packages/collector/dist/cli.js --port ${base} --grpc-port ${base + 4} --store memory`,
      url: `${url(0)}/api/stats`,
      stdout: "ignore",
    },
    {
      name: "database",
      command: `node apps/demo/database/serve.mjs --port ${base + 3}`,
      port: base + 3,
    },
    {
      name: "inventory",
      command: `node apps/inventory/server.mjs --port ${base + 2}`,
      url: `${url(2)}/healthz`,
      env: { ...tracing, OTEL_SERVICE_NAME: "inventory" },
      gracefulShutdown: { signal: "SIGTERM", timeout: 3_000 },
    },
    {
      name: "plain app",
      command: "node apps/demo/e2e/fixtures/plain-app.mjs",
      url: `http://127.0.0.1:${base + 5}/`,
      env: { ...tracing, PORT: String(base + 5) },
    },
    {
      name: "shop",
      command: `node scripts/e2e-shop.mjs --port ${base + 1}`,
      url: `http://localhost:${base + 1}/`,
      timeout: 300_000,
      env: {
        ...tracing,
        OTEL_SERVICE_NAME: "shop",
        INVENTORY_URL: url(2),
        DATABASE_URL: process.env.E2E_DATABASE_URL,
        THROUGHLINE_VIEWER_URL: url(0),
        THROUGHLINE_FLUSH_TOKEN: process.env.THROUGHLINE_FLUSH_TOKEN,
      },
      gracefulShutdown: { signal: "SIGTERM", timeout: 5_000 },
    },
  ],
});
