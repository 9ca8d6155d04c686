import type { Cases } from "../case.ts";

/** Pages that are made once and served often. */
export const rendering: Cases = ({ cacheComponents }) => [
  { title: "a page with a lifetime", path: "/isr", status: 200, route: "/isr", below: [] },
  {
    title: "a page that is made at its first visit",
    path: "/generated/{new}",
    status: 200,
    route: "/generated/[id]",
    below: cacheComponents
      ? [
          "render route (app) /generated/[id] · internal",
          "  read id · internal",
          // A cached function is of the request that was the first to need it.
          "make page · internal",
        ]
      : ["prerender route (app) /generated/[id] · internal"],
  },
  { title: "a path that no route answers", path: "/no/such/page", status: 404, below: [] },
];
