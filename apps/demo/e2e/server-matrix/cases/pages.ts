import { expect } from "@playwright/test";
import type { Cases, Seen } from "../case.ts";
import { SLOW_MS } from "../downstream.ts";

/** What the page calls its span is the one that its spans hang on. */
function expectCurrent({ spans, body }: Seen): void {
  const [, current] = /in ([0-9a-f]{16})/.exec(body) ?? [];
  const item = spans.find(({ name }) => name === "read item");
  expect.soft(current).toBe(item?.parentSpanId);
}

/** Pages of the App Router. */
export const pages: Cases = (combination) => [
  {
    title: "a static page",
    path: "/static",
    status: 200,
    route: "/static",
    below: [],
  },
  {
    title: "a dynamic page",
    path: "/rsc/7",
    status: 200,
    route: "/rsc/[id]",
    below: ["render route (app) /rsc/[id] · internal", "  GET · client", "  read item · internal"],
    inspect: expectCurrent,
  },
  {
    title: "a navigation to a dynamic page",
    path: "/rsc/7?_rsc=",
    init: { headers: { rsc: "1" } },
    status: 200,
    route: "/rsc/[id]",
    // Next.js has no span for a render that is not one of HTML.
    below: ["GET · client", "read item · internal"],
    inspect: expectCurrent,
  },
  {
    title: "a page of a catch-all route",
    path: "/shelf/left/2",
    status: 200,
    route: "/shelf/[...path]",
    below: ["render route (app) /shelf/[...path] · internal"],
  },
  {
    title: "a page of an optional catch-all route without a segment",
    path: "/filter",
    status: 200,
    route: "/filter/[[...by]]",
    below: ["render route (app) /filter/[[...by]] · internal"],
  },
  ...notGenerated(combination),
  {
    title: "a page that streams",
    path: "/slow",
    status: 200,
    route: "/slow",
    minMs: SLOW_MS,
    below: ["render route (app) /slow · internal", "  slow part · internal", "    GET · client"],
  },
  {
    title: "a page that breaks after its first byte",
    path: "/late-error",
    status: 200,
    route: "/late-error",
    marks: "ERROR · exception",
    minMs: SLOW_MS,
    below: ["render route (app) /late-error · internal · ERROR · exception", "  GET · client"],
  },
];

/** With Cache Components there is no `dynamicParams`. */
const notGenerated: Cases = ({ cacheComponents, proxy }) =>
  cacheComponents
    ? []
    : [
        {
          title: "an address beside those of generateStaticParams",
          path: "/fixed/other",
          isReplaced: true,
          status: 404,
          route: "/fixed/[id]",
          // Next.js asks the proxy once more for the page of what is not found.
          below: proxy ? ["middleware GET · internal"] : [],
        },
      ];
