import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { askPreflights } from "./ask-preflights.ts";

const PAGE = new URL("http://localhost:3000/shop");

const ANSWERS: Readonly<Record<string, readonly [status: number, headers: Record<string, string>]>> = {
  "/silent": [204, {}],
  "/refused": [405, { "access-control-allow-origin": "*" }],
  "/open": [204, { "access-control-allow-origin": "*", "access-control-allow-headers": "A, Traceparent" }],
  "/shut": [204, { "access-control-allow-origin": PAGE.origin, "access-control-allow-headers": "a" }],
};

test("only an answer that names the page's origin and not the header is a refusal", async () => {
  const asked: unknown[] = [];
  const server = createServer(({ method, headers, url = "/" }, response) => {
    asked.push([method, headers.origin, headers["access-control-request-headers"]]);
    response.writeHead(...(ANSWERS[url] ?? [404, {}])).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = () =>
    askPreflights(
      Object.keys(ANSWERS).map((path) => origin + path),
      PAGE,
    );
  expect(await ask()).toEqual([
    { origin: `${origin}/silent`, allowsHeader: undefined, reason: expect.stringContaining(PAGE.origin) },
    { origin: `${origin}/refused`, allowsHeader: undefined, reason: expect.stringContaining("status 405") },
    { origin: `${origin}/open`, allowsHeader: true, reason: expect.any(String) },
    { origin: `${origin}/shut`, allowsHeader: false, reason: "Access-Control-Allow-Headers: a" },
  ]);
  expect(new Set(asked.map(String))).toEqual(new Set([`OPTIONS,${PAGE.origin},traceparent`]));
  server.close();
  for (const { allowsHeader, reason } of await ask())
    expect([allowsHeader, reason]).toEqual([undefined, expect.stringContaining("ECONNREFUSED")]);
});
