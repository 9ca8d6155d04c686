import { expect } from "@playwright/test";
import type { Cases } from "../case.ts";
import type { ServedApp } from "../server-app.ts";

// Noise, so that what prepares a case leaves no trace.
const PROBE = { "user-agent": "kube-probe/1.31" };

/** Pages that are served as they were, and made anew behind the visitor. */
export const stale: Cases = ({ trailingSlash, cacheComponents }) => {
  if (cacheComponents) return [];
  const slash = trailingSlash ? "/" : "";
  return [
    {
      title: "a page that is out of date, served and made anew behind the visitor",
      path: "/stale/prices",
      init: (app) => outdated(app, slash),
      status: 200,
      route: "/stale/[id]",
      below: ["prerender route (app) /stale/[id] · internal", "  GET · client"],
      later: ["prerender route (app) /stale/[id]", "GET"],
      inspect: ({ response }) => expect.soft(response.headers.get("x-nextjs-cache")).toBe("STALE"),
    },
  ];
};

async function outdated({ url }: ServedApp, slash: string): Promise<RequestInit> {
  // Until the one before has been made: what is outdated meanwhile counts as new.
  await expect
    .poll(async () => {
      const response = await fetch(`${url}/stale/prices${slash}`, { headers: PROBE });
      await response.text();
      return response.headers.get("x-nextjs-cache");
    }, "the page before it is outdated")
    .toBe("HIT");
  const response = await fetch(`${url}/api/outdate${slash}?tag=prices`, { method: "POST", headers: PROBE });
  expect(response.status, "outdating the page").toBe(200);
  return {};
}
