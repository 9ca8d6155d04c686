import { expectHit } from "../cache-hits.ts";
import type { Cases } from "../case.ts";

/** Work that `after()` puts off until the response is sent. */
export const afterResponse: Cases = () => [
  {
    title: "a route handler with after()",
    path: "/api/after",
    status: 200,
    route: "/api/after",
    below: [
      "executing api route (app) /api/after · internal",
      "  after the response · internal",
      "    GET · client",
    ],
    later: ["after the response"],
  },
  {
    title: "a fetch in after(), and the same out of the data cache",
    path: "/api/after?cached",
    status: 200,
    route: "/api/after",
    below: [
      "executing api route (app) /api/after · internal",
      "  after the response · internal",
      "    GET · client",
    ],
    later: ["after the response", "GET"],
    inspect: expectHit,
  },
  {
    title: "a callback of after() that throws",
    path: "/api/after?throws",
    // It was sent before.
    status: 200,
    route: "/api/after",
    below: [
      "executing api route (app) /api/after · internal",
      "  after the response · internal · ERROR · exception",
    ],
    later: ["after the response"],
  },
];
