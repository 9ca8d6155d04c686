import { expect } from "@playwright/test";
import type { Case, Cases } from "../case.ts";
import { SLOW_MS } from "../downstream.ts";

/** Their spans last as long as what they send. */
const STREAMS: readonly Case[] = [
  {
    title: "a route handler that streams",
    path: "/api/stream",
    status: 200,
    route: "/api/stream",
    minMs: SLOW_MS,
    below: [
      "executing api route (app) /api/stream · internal",
      "  rest of the stream · internal",
      "    GET · client",
    ],
  },
  {
    title: "a route handler whose stream breaks after its first byte",
    path: "/api/stream?breaks",
    status: 200,
    route: "/api/stream",
    marks: "ERROR · exception",
    minMs: SLOW_MS,
    below: [
      "executing api route (app) /api/stream · internal",
      "  rest of the stream · internal · ERROR · exception",
      "    GET · client",
    ],
    // And not what Next.js makes of it.
    inspect: ({ server }) => expect.soft(server.status.message).toBe("the stream broke"),
  },
];

/** Route handlers of the App Router. */
export const routeHandlers: Cases = () => [
  {
    title: "a route handler",
    path: "/api/plain",
    status: 200,
    route: "/api/plain",
    below: ["executing api route (app) /api/plain · internal"],
  },
  {
    title: "a POST to a route handler",
    path: "/api/plain?token=secret",
    init: { method: "POST" },
    status: 200,
    route: "/api/plain",
    below: ["executing api route (app) /api/plain · internal"],
  },
  {
    title: "a route handler with a parameter",
    path: "/api/items/7",
    status: 200,
    route: "/api/items/[id]",
    below: ["executing api route (app) /api/items/[id] · internal"],
  },
  {
    title: "a route handler that fetches",
    path: "/api/fetch",
    status: 200,
    route: "/api/fetch",
    below: ["executing api route (app) /api/fetch · internal", "  GET · client"],
  },
  {
    title: "a route handler that asks by node:http",
    path: "/api/node-http",
    status: 200,
    route: "/api/node-http",
    below: ["executing api route (app) /api/node-http · internal", "  GET · client"],
  },
  {
    title: "a route handler that throws",
    path: "/api/throws",
    status: 500,
    route: "/api/throws",
    marks: "ERROR · exception",
    below: ["executing api route (app) /api/throws · internal · ERROR · exception"],
  },
  ...STREAMS,
];
