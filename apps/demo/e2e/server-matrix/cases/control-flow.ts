import type { Case, Cases } from "../case.ts";

const OUTCOMES = {
  redirect: 307,
  permanent: 308,
  "not-found": 404,
  forbidden: 403,
  unauthorized: 401,
} as const;

/** What Next.js throws to leave a function is no error; a real throw in the same place is. */
export const controlFlow: Cases = ({ cacheComponents }) => [
  ...Object.entries(OUTCOMES).flatMap(([how, status]): readonly Case[] => [
    {
      title: `${how} in a route handler`,
      path: `/api/flow/${how}`,
      status,
      route: "/api/flow/[how]",
      below: ["executing api route (app) /api/flow/[how] · internal"],
    },
    {
      title: `${how} in a page`,
      path: `/flow/${how}`,
      // A prerendered shell has been sent by then, with its status.
      status: cacheComponents ? 200 : status,
      route: "/flow/[how]",
      below: ["render route (app) /flow/[how] · internal"],
    },
  ]),
  {
    title: "a real throw in a route handler",
    path: "/api/flow/throw",
    status: 500,
    route: "/api/flow/[how]",
    marks: "ERROR · exception",
    below: ["executing api route (app) /api/flow/[how] · internal · ERROR · exception"],
  },
  {
    title: "a real throw in a page",
    path: "/flow/throw",
    status: cacheComponents ? 200 : 500,
    route: "/flow/[how]",
    marks: "ERROR · exception",
    below: ["render route (app) /flow/[how] · internal · ERROR · exception"],
  },
];
