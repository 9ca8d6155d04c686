import { expect } from "@playwright/test";
import type { Cases } from "../case.ts";

/** The ways out of proxy.js; where it lets a request pass, every other case has it. */
export const proxy: Cases = (combination) =>
  combination.proxy
    ? [
        {
          title: "a rewrite by the proxy",
          path: "/proxied/rewrite",
          status: 200,
          route: "/api/items/[id]",
          below: ["executing api route (app) /api/items/[id] · internal"],
        },
        {
          title: "a rewrite by a proxy that writes its own span into the headers",
          path: "/proxied/handed-on",
          status: 200,
          route: "/late-error",
          marks: "ERROR · exception",
          below: ["  render route (app) /late-error · internal · ERROR · exception", "    GET · client"],
        },
        {
          title: "a rewrite to another host",
          path: "/proxied/elsewhere",
          status: 200,
          below: ["GET · client"],
          // With all the headers that came, the caller's traceparent among them.
          inspect: ({ spans, body }) => {
            const client = spans.find(({ kind }) => kind === "client");
            const told = JSON.parse(body) as { readonly traceparent?: string };
            expect.soft(told.traceparent).toBe(`00-${client?.traceId}-${client?.spanId}-01`);
          },
        },
        {
          title: "a fetch in the proxy",
          path: "/proxied/asks",
          status: 200,
          below: ["  GET · client"],
          inspect: ({ spans, body }) => {
            const client = spans.find(({ kind }) => kind === "client");
            const told = JSON.parse(body) as { readonly traceparent?: string };
            expect.soft(told.traceparent).toBe(`00-${client?.traceId}-${client?.spanId}-01`);
          },
        },
        // A slash behind a file is taken away before anything else.
        ...(combination.trailingSlash
          ? []
          : [{ title: "a file, for which the proxy runs", path: "/square.png", status: 200, below: [] }]),
        { title: "a redirect by the proxy", path: "/proxied/redirect", status: 307, below: [] },
        { title: "an answer of the proxy", path: "/proxied/direct", status: 401, below: [] },
      ]
    : [];
