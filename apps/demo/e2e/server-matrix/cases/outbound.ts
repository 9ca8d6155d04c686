import { expect } from "@playwright/test";
import { eventsOf, expectHit } from "../cache-hits.ts";
import type { Case, Cases, Seen } from "../case.ts";

interface Told {
  readonly traceparent?: string;
  readonly baggage?: string;
  readonly times?: number;
}

/** What the downstream server answers: the headers it got, and how often it was asked for this path. */
function toldOf({ body }: Seen): Told {
  return JSON.parse(body) as Told;
}

/** The ways out: one CLIENT span each, whose id the header carries, and what makes neither. */
export const outbound: Cases = () => [
  // First: once a route handler has been asked, Next.js 16.4.6 with Turbopack de-duplicates nothing, tracing or not.
  {
    title: "a page that makes the same fetch twice",
    path: "/deduplicated",
    status: 200,
    route: "/deduplicated",
    below: ["render route (app) /deduplicated · internal", "  GET · client"],
    inspect: (seen) => {
      expect.soft(seen.body).toContain("times 1 1.");
      expect.soft(eventsOf(seen, "shared fetch")).toHaveLength(1);
    },
  },
  linked("undici, the package", "undici"),
  linked("undici, the package, with a dispatcher of its own", "dispatcher"),
  linked("undici's own fetch", "undici-fetch"),
  linked("http.get", "node-get"),
  linked("a fetch of a Request", "request"),
  linked("a fetch with a name", "named", "look up stock"),
  {
    ...way("a fetch that is ignored", "ignored", []),
    inspect: (seen) => expect.soft(toldOf(seen).traceparent).toBeUndefined(),
  },
  {
    ...way("a fetch inside withoutTracing", "silent", []),
    inspect: (seen) => expect.soft(toldOf(seen).traceparent).toBeUndefined(),
  },
  {
    ...way("a fetch without a header", "unlinked", ["GET · client"]),
    inspect: (seen) => expect.soft(toldOf(seen).traceparent).toBeUndefined(),
  },
  way("a fetch that takes too long", "aborted", ["GET · client · ERROR"]),
  {
    ...way("a fetch and the same out of the data cache", "cached", ["GET · client"]),
    inspect: (seen) => {
      expectHit(seen);
      expect.soft(toldOf(seen).times).toBe(1);
    },
  },
  {
    title: "a fetch of a page, and the same out of the data cache",
    path: "/cached",
    status: 200,
    route: "/cached",
    below: ["render route (app) /cached · internal", "  GET · client"],
    inspect: (seen) => {
      expectHit(seen);
      expect.soft(seen.body).toContain("times 1.");
    },
  },
  {
    ...way("a fetch with baggage, to an origin that is not named", "baggage?user=ada", ["GET · client"]),
    inspect: (seen) => expect.soft(toldOf(seen).baggage).toBeUndefined(),
  },
];

function way(title: string, name: string, below: readonly string[]): Case {
  return {
    title,
    path: `/api/out/${name}`,
    status: 200,
    route: "/api/out/[way]",
    below: ["executing api route (app) /api/out/[way] · internal", ...below.map((line) => `  ${line}`)],
  };
}

function linked(title: string, name: string, spanName = "GET"): Case {
  return {
    ...way(title, name, [`${spanName} · client`]),
    inspect: (seen) => {
      const client = seen.spans.find(({ kind }) => kind === "client");
      expect.soft(toldOf(seen).traceparent, title).toBe(`00-${client?.traceId}-${client?.spanId}-01`);
    },
  };
}
