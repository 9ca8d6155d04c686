import { expect } from "@playwright/test";
import type { Cases } from "../case.ts";

/** What Next.js's router answers by itself, and opens no span for. */
export const routerAnswers: Cases = () => [
  {
    title: "a redirect of the configuration",
    path: "/moved",
    status: 308,
    below: [],
    isRouters: true,
    // It comes before the proxy.
    isBesideNext: true,
  },
  {
    title: "a rewrite of the configuration to another host",
    path: "/sent/7",
    status: 200,
    below: ["GET · client"],
    isRouters: true,
    // With all the headers that came, the caller's traceparent among them.
    inspect: ({ spans, body }) => {
      const client = spans.find(({ kind }) => kind === "client");
      const told = JSON.parse(body) as { readonly traceparent?: string };
      expect.soft(told.traceparent).toBe(`00-${client?.traceId}-${client?.spanId}-01`);
    },
  },
];
