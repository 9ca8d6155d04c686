// Requests at a constant rate, whatever the answers take; what is in flight is bounded.
import { Agent, request } from "node:http";

const IN_FLIGHT = 64;
const TIMEOUT_MS = 30_000;
/** Wrong answers that are printed. */
const WRONG_TOLD = 10;

/** More than a metric may have series; not ever new ones, because Next.js keeps 8 MiB of the paths it has seen. */
const PATHS = 2000;

const item = (kind) => `/api/items/${kind}-${Math.floor(Math.random() * PATHS)}`;

/** What is asked for in turn; `route` and `status` are what the metrics have to say of it. */
export const REQUESTS = [
  { method: "GET", route: "/page", status: 200 },
  { method: "GET", route: "/api/plain", status: 200 },
  { method: "GET", route: "/api/fetch", status: 200 },
  { method: "GET", route: "/api/items/[id]", status: 200, path: () => item("some") },
  { method: "POST", route: "/api/items/[id]", status: 201, path: () => item("new"), body: '{"count":1}' },
  { method: "GET", route: "/api/items/[id]", status: 404, path: () => item("none") },
  { method: "GET", route: "/api/items/[id]", status: 500, path: () => item("broken") },
  { method: "GET", route: "/page", status: 200 },
];

/** Asks the server `name` at once; `stop` waits for what is under way and returns the counts. */
export function startLoad({ url, name }, perSecond) {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  const counts = { answered: 0, wrong: 0, left: 0 };
  const startMs = performance.now();
  let due = 0;
  let inFlight = 0;
  const send = async (each) => {
    inFlight++;
    // 0 is no answer. Node closes a connection that was idle for five seconds, perhaps just as it is used again, and
    // another of the same age with it; so the second try has one of its own.
    const status = (await statusOf(url, each, agent)) || (await statusOf(url, each, false));
    inFlight--;
    counts.answered++;
    if (status === each.status) return;
    counts.wrong++;
    if (counts.wrong <= WRONG_TOLD)
      console.log(
        `wrong (${name}): ${each.method} ${each.route}: ${status || "no answer"}, not ${each.status}`,
      );
  };
  const timer = setInterval(() => {
    const now = Math.floor(((performance.now() - startMs) / 1000) * perSecond);
    for (; due < now; due++) {
      if (inFlight < IN_FLIGHT) void send(REQUESTS[due % REQUESTS.length]);
      else counts.left++;
    }
  }, 10);
  return {
    async stop() {
      clearInterval(timer);
      while (inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      agent.destroy();
      return counts;
    },
  };
}

function statusOf(url, { method, route, path, body }, agent) {
  return new Promise((resolve) => {
    const headers = body ? { "content-type": "application/json" } : {};
    const sent = request(url + (path?.() ?? route), { method, headers, agent, timeout: TIMEOUT_MS });
    sent.on("timeout", () => sent.destroy());
    sent.on("error", () => resolve(0));
    sent.on("response", (response) => {
      response.resume();
      response.once("close", () => resolve(response.complete ? response.statusCode : 0));
    });
    sent.end(body);
  });
}
