import { expect } from "@playwright/test";
import type { Case, Cases } from "../case.ts";
import { SLOW_MS } from "../downstream.ts";

/** Next.js's own limit. https://nextjs.org/docs/pages/building-your-application/routing/api-routes#custom-config */
const MOST_BYTES = 1024 * 1024;

function post(body: string): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body };
}

/** What Next.js answers before the handler runs. */
const REFUSED: readonly Case[] = [
  {
    title: "a Pages API route whose body is no JSON",
    path: "/api/parts/7",
    init: post("{"),
    status: 400,
    route: "/api/parts/[id]",
    below: ["executing api route (pages) /api/parts/[id] · internal"],
  },
  {
    title: "a Pages API route whose body is too large",
    path: "/api/parts/7",
    init: post(JSON.stringify("a".repeat(MOST_BYTES))),
    status: 413,
    route: "/api/parts/[id]",
    below: ["executing api route (pages) /api/parts/[id] · internal"],
  },
];

/** API routes of the Pages Router. */
export const pagesApi: Cases = () => [
  {
    title: "a Pages API route that fetches",
    path: "/api/classic",
    status: 200,
    route: "/api/classic",
    below: ["executing api route (pages) /api/classic · internal", "  GET · client"],
  },
  {
    title: "a Pages API route that streams",
    path: "/api/classic?stream=1",
    status: 200,
    route: "/api/classic",
    // No span below it lasts to the last byte.
    minMs: SLOW_MS + 100,
    below: ["executing api route (pages) /api/classic · internal", "  GET · client"],
    inspect: ({ body }) => expect.soft(body).toContain("head {"),
  },
  {
    title: "a Pages API route with a parameter",
    path: "/api/parts/7",
    status: 200,
    route: "/api/parts/[id]",
    below: ["executing api route (pages) /api/parts/[id] · internal"],
  },
  {
    title: "a Pages API route that has a page made anew",
    path: "/api/renew?path=/ssg/built",
    status: 200,
    route: "/api/renew",
    below: [
      "executing api route (pages) /api/renew · internal",
      "  getStaticProps /ssg/[id] · internal",
      "  render route (pages) /ssg/[id] · internal",
    ],
    inspect: ({ body }) => expect.soft(JSON.parse(body)).toEqual({ told: "made" }),
  },
  {
    title: "a Pages API route that has a page made anew, which fails",
    path: "/api/renew?path=/ssg/broken",
    status: 200,
    route: "/api/renew",
    below: [
      "executing api route (pages) /api/renew · internal",
      "  getStaticProps /ssg/[id] · internal · ERROR · exception",
      "  render route (pages) /_error · internal",
    ],
    inspect: ({ body }) => expect.soft(JSON.parse(body)).toEqual({ told: "failed" }),
  },
  ...REFUSED,
  {
    title: "a Pages API route that throws",
    path: "/api/parts/broken",
    status: 500,
    route: "/api/parts/[id]",
    marks: "ERROR · exception",
    below: ["executing api route (pages) /api/parts/[id] · internal"],
  },
];

const SERVER_SIDE: readonly Case[] = [
  {
    title: "getServerSideProps that fetches",
    path: "/ssr/7",
    status: 200,
    route: "/ssr/[id]",
    below: [
      "getServerSideProps /ssr/[id] · internal",
      "  GET · client",
      "render route (pages) /ssr/[id] · internal",
    ],
  },
  {
    title: "getServerSideProps that redirects",
    path: "/ssr/moved",
    status: 307,
    route: "/ssr/[id]",
    below: ["getServerSideProps /ssr/[id] · internal"],
  },
  {
    title: "getServerSideProps that finds nothing",
    path: "/ssr/missing",
    isReplaced: true,
    status: 404,
    route: "/ssr/[id]",
    below: ["getServerSideProps /ssr/[id] · internal"],
  },
  {
    title: "getServerSideProps that throws",
    path: "/ssr/broken",
    isReplaced: true,
    status: 500,
    route: "/ssr/[id]",
    marks: "ERROR · exception",
    below: [
      "getServerSideProps /ssr/[id] · internal · ERROR · exception",
      "render route (pages) /_error · internal",
    ],
  },
];

/** `getServerSideProps` and `getStaticProps`. */
export const pagesProps: Cases = ({ proxy }) => [
  ...SERVER_SIDE,
  {
    title: "a page of getStaticProps that was built",
    path: "/ssg/built",
    status: 200,
    route: "/ssg/[id]",
    below: [],
  },
  {
    title: "getInitialProps with a span of the app's",
    path: "/initial",
    status: 200,
    route: "/initial",
    below: ["read stock · internal", "render route (pages) /initial · internal"],
  },
  {
    title: "an address beside those of getStaticPaths",
    path: "/only/other",
    isReplaced: true,
    status: 404,
    route: "/only/[id]",
    // Next.js asks the proxy once more for the page of what is not found.
    below: proxy ? ["middleware GET · internal"] : [],
  },
  {
    title: "a page of getStaticProps that is made now",
    path: "/ssg/{new}",
    status: 200,
    route: "/ssg/[id]",
    below: ["getStaticProps /ssg/[id] · internal", "render route (pages) /ssg/[id] · internal"],
  },
];
