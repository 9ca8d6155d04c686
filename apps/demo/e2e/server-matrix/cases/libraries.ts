import { expect } from "@playwright/test";
import { findRedis } from "../../../../../scripts/services.mjs";
import type { Cases } from "../case.ts";

/** Libraries that an instrumentation patches when they are loaded: only those that Next.js left outside its bundles. */
export const libraries: Cases = () => [
  {
    title: "a query by pg",
    path: "/api/postgres",
    status: 200,
    route: "/api/postgres",
    below: ["executing api route (app) /api/postgres · internal", "  pg.query:SELECT postgres · client"],
  },
  {
    title: "a line that pino writes",
    path: "/api/pino",
    status: 200,
    route: "/api/pino",
    below: ["executing api route (app) /api/pino · internal"],
    inspect: ({ spans, body }) => {
      const handler = spans.find((span) => span.name.startsWith("executing"));
      expect.soft(JSON.parse(body), "the line of pino").toMatchObject({
        trace_id: handler?.traceId,
        span_id: handler?.spanId,
        msg: "asked for",
      });
    },
  },
  ...(findRedis() ? [redis] : []),
];

const redis = {
  title: "commands by ioredis",
  path: "/api/redis",
  status: 200,
  route: "/api/redis",
  below: ["executing api route (app) /api/redis · internal", "  connect · client", "  incr · client"],
};
