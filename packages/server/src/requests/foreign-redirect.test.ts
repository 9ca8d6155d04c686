import { once } from "node:events";
import { createServer, get, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { trace } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { processState } from "../process-state.ts";
import { type ResponseRecords, recordResponses } from "./response-record.ts";
import { traceRouterAnswers } from "./router-answers.ts";

const STORE = "https://store.test/7?key=s3cret";
const FETCH = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "sec-fetch-mode": "cors",
  "sec-fetch-site": "same-origin",
};

let records: ResponseRecords;
let server: Server;
let redirect: (response: ServerResponse) => void;
const warned = vi.spyOn(console, "warn");

beforeEach(async () => {
  warned.mockReset().mockReturnValue();
  processState().said.clear();
  records = recordResponses();
  traceRouterAnswers(trace.getTracer("none"), records);
  server = createServer((_, response) => redirect(response));
  await once(server.listen(0, "127.0.0.1"), "listening");
});
afterEach(async () => {
  records.stop();
  await once(server.close(), "close");
});

/** Asks for a file of the app's own; the redirect to `location` is written as Next.js does it, or by `write`. */
async function ask(
  location: string,
  headers: Readonly<Record<string, string>>,
  write = (response: ServerResponse) => {
    response.statusCode = 307;
    response.setHeader("Location", location).end();
  },
): Promise<void> {
  redirect = write;
  const { port } = server.address() as AddressInfo;
  const [response] = await once(get({ port, path: "/api/files/7?t=s3cret", headers }), "response");
  await once(response.resume(), "end");
}

test("a page's fetch that is led to another origin is told, once, with path, origin and cure, and no query", async () => {
  await ask(STORE, FETCH);
  await ask("//cdn.test/8", FETCH, (response) => response.writeHead(302, { location: "//cdn.test/8" }).end());
  expect(warned.mock.calls).toEqual([
    [expect.stringMatching(/request for \/api\/files\/7 is redirected to https:\/\/store\.test.*ignoreUrls/)],
  ]);
  expect(String(warned.mock.calls)).not.toContain("s3cret");
});

test.each<[string, string, Readonly<Record<string, string>>]>([
  ["a redirect within the app", "/api/files/8", FETCH],
  [
    "one to the app as its proxy is called",
    "https://shop.test/8",
    { ...FETCH, "x-forwarded-host": "shop.test, gate" },
  ],
  [
    "one to the app as its proxy is called by Forwarded",
    "https://shop.test/8",
    { ...FETCH, forwarded: 'for=10.0.0.7;host="shop.test"' },
  ],
  ["one to an app of the device", "mailto:ann@shop.test", FETCH],
  ["an address that is none", "https://[", FETCH],
  ["one by a caller that names no host", "/api/files/8", { ...FETCH, host: "a b" }],
  ["one to the page's own origin", "https://shop.test/8", { ...FETCH, referer: "https://shop.test/list" }],
  ["a request without a trace", STORE, { ...FETCH, traceparent: "" }],
  ["a page that is opened", STORE, { ...FETCH, "sec-fetch-mode": "navigate" }],
  ["a request of a service", STORE, { traceparent: FETCH.traceparent, "sec-fetch-mode": "cors" }],
  ["what the router asks for", STORE, { ...FETCH, rsc: "1" }],
])("%s is not told", async (_, location, headers) => {
  await ask(location, Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== "")));
  expect(warned).not.toHaveBeenCalled();
});

test("told is the address that is given to writeHead, which overrides the one that was set", async () => {
  await ask(STORE, FETCH, (response) => {
    response.setHeader("location", "/here");
    response.writeHead(302, { Location: STORE }).end();
  });
  expect(String(warned.mock.calls)).toContain("https://store.test");
});
