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
          title: "a rewrite to another host",
          path: "/proxied/elsewhere",
          status: 200,
          below: ["GET · client"],
        },
        { title: "a redirect by the proxy", path: "/proxied/redirect", status: 307, below: [] },
        { title: "an answer of the proxy", path: "/proxied/direct", status: 401, below: [] },
      ]
    : [];
