import { once } from "node:events";
import https from "node:https";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type TracedCalls, traceCalls, traceparentOf } from "../../test-data/traced-calls.ts";

// TLS by a key that both sides know, so that no test needs a certificate.
const psk = Buffer.from("0123456789abcdef0123456789abcdef", "hex");
const tls = { ciphers: "PSK-AES128-GCM-SHA256:@SECLEVEL=0", maxVersion: "TLSv1.2" } as const;
const client = {
  ...tls,
  pskCallback: () => ({ psk, identity: "test" }),
  checkServerIdentity: () => undefined,
};

let calls: TracedCalls;
let server: https.Server;
let port = 0;
const seen: (string | undefined)[] = [];

beforeEach(async () => {
  seen.length = 0;
  server = https.createServer({ ...tls, pskCallback: () => psk }, (request, response) => {
    seen.push(String(request.headers.traceparent));
    response.end("answer");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  port = typeof address === "object" && address ? address.port : 0;
  calls = traceCalls();
});
afterEach(async () => {
  await calls.stop();
  server.closeAllConnections();
  server.close();
});

test("https.request, https.get and undici over TLS are one span each, with the header of their own", async () => {
  const origin = `https://127.0.0.1:${port}`;
  for (const request of [
    https.get(`${origin}/get`, client),
    https.request({ host: "127.0.0.1", port, path: "/request", ...client }).end(),
  ]) {
    const [response] = await once(request, "response");
    expect(await text(response)).toBe("answer");
  }
  const { Agent, request } = await import("undici");
  const dispatcher = new Agent({ connect: client });
  expect(await (await request(`${origin}/undici`, { dispatcher })).body.text()).toBe("answer");
  const spans = await calls.ended(3);
  expect(spans.map(({ attributes }) => [attributes["url.full"], attributes["server.port"]])).toEqual([
    [`${origin}/get`, port],
    [`${origin}/request`, port],
    [`${origin}/undici`, port],
  ]);
  expect(seen).toEqual(spans.map(traceparentOf));
  await dispatcher.close();
});
