import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { createHttpSender } from "../pipeline/delivery/http-sender.ts";
import type { Sender } from "../pipeline/delivery/sender.ts";
import { createForwarder, type Parcel } from "./forward.ts";

const JSON_TRACES = {
  signal: "traces",
  protocol: "http/json",
  contentType: "application/json",
  headers: {},
} as const;

const opener =
  (timeoutMs = 10_000) =>
  ({ url, contentType }: Parcel): Sender =>
    createHttpSender({ url, rpc: "", headers: {}, contentType, compression: "none", timeoutMs, tls: {} });

let collector: Server | undefined;

afterEach(async () => {
  collector?.closeAllConnections();
  if (collector?.listening) await once(collector.close(), "close");
});

async function listen(answer: (body: string) => number): Promise<(body: string) => Parcel> {
  collector = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.writeHead(answer(Buffer.concat(chunks).toString())).end();
  });
  await once(collector.listen(0, "127.0.0.1"), "listening");
  const { port } = collector.address() as AddressInfo;
  return (body) => ({
    ...JSON_TRACES,
    url: `http://127.0.0.1:${port}/v1/traces`,
    body: Buffer.from(body),
  });
}

const SILENT = { warn: () => undefined, over: () => undefined };

test("what could not be delivered is tried again by itself", async () => {
  const bodies: string[] = [];
  const parcel = await listen((body) => (bodies.push(body) < 3 ? 503 : 200));
  const forwarder = createForwarder({ open: opener(), trouble: SILENT, retryDelayMs: 5 });
  await forwarder.send(parcel("a")).done;
  await vi.waitFor(() => expect(bodies).toEqual(["a", "a", "a"]));
});

test("the queue keeps the newest posts within its bytes", async () => {
  let isUp = false;
  const taken: string[] = [];
  const parcel = await listen((body) => {
    if (isUp) taken.push(body);
    return isUp ? 200 : 503;
  });
  const [warnings, ends]: [string[], string[]] = [[], []];
  const forwarder = createForwarder({
    open: opener(),
    trouble: { warn: (text) => warnings.push(text), over: (text) => ends.push(text) },
    queueMaxBytes: 20,
    retryDelayMs: 60_000,
  });
  for (const body of ["1".repeat(10), "2".repeat(10), "3".repeat(10)])
    await forwarder.send(parcel(body)).done;
  expect(warnings.at(-1)).toContain("2 posts wait, 1 were dropped so far");
  isUp = true;
  await forwarder.flush();
  expect(taken.sort()).toEqual(["2".repeat(10), "3".repeat(10)]);
  expect(ends).toEqual([
    expect.stringContaining("takes the browser's data again; 1 posts were dropped so far"),
  ]);
});

test("posts without bytes are bounded by their number, waiting and on their way", async () => {
  const warnings: string[] = [];
  let underway = 0;
  const forwarder = createForwarder({
    open: () => ({
      send: () => {
        underway++;
        return new Promise(() => undefined);
      },
      close: () => undefined,
    }),
    trouble: { warn: (text) => warnings.push(text), over: () => undefined },
    retryDelayMs: 60_000,
  });
  const parcel = { ...JSON_TRACES, url: "http://collector.test/v1/traces", body: new Uint8Array() };
  for (let count = 0; count < 20_003; count++) forwarder.send(parcel);
  expect(underway).toBe(10_000);
  expect(warnings.at(-1)).toContain("10000 posts wait, 3 were dropped so far");
});

test("what an answer is waited for is bounded too: the rest waits its turn", async () => {
  const answers: (() => void)[] = [];
  const taken: string[] = [];
  const forwarder = createForwarder({
    open: () => ({
      send: (body) =>
        new Promise((resolve) => {
          taken.push(Buffer.from(body).toString());
          answers.push(() => resolve({ kind: "taken", rejected: 0, message: "" }));
        }),
      close: () => undefined,
    }),
    trouble: SILENT,
    queueMaxBytes: 20,
    retryDelayMs: 60_000,
  });
  const post = (body: string) =>
    forwarder.send({ ...JSON_TRACES, url: "http://c", body: Buffer.from(body) }).done;
  const first = ["1".repeat(10), "2".repeat(10)].map(post);
  await post("3".repeat(10));
  expect(taken).toHaveLength(2);
  for (const answer of answers.splice(0)) answer();
  await Promise.all(first);
  const flushed = forwarder.flush();
  for (const answer of answers.splice(0)) answer();
  await flushed;
  expect(taken).toEqual(["1".repeat(10), "2".repeat(10), "3".repeat(10)]);
});

test("a Retry-After of a month is waited for five minutes", async () => {
  const timer = vi.spyOn(globalThis, "setTimeout");
  const forwarder = createForwarder({
    open: () => ({
      send: () =>
        Promise.resolve({
          kind: "later",
          reason: "status 429",
          cure: "",
          reached: true,
          afterMs: 2_592_000_000,
        }),
      close: () => undefined,
    }),
    trouble: SILENT,
  });
  await forwarder.send({ ...JSON_TRACES, url: "http://c", body: Buffer.from("a") }).done;
  expect(timer.mock.calls.map(([, ms]) => ms)).toEqual([300_000]);
  timer.mockRestore();
});

test("a flush that is patient waits out a Retry-After, another does not", async () => {
  let posts = 0;
  const forwarder = createForwarder({
    open: () => ({
      send: () =>
        Promise.resolve(
          ++posts === 1
            ? { kind: "later", reason: "status 429", cure: "", reached: true, afterMs: 60_000 }
            : { kind: "taken", rejected: 0, message: "" },
        ),
      close: () => undefined,
    }),
    trouble: SILENT,
  });
  await forwarder.send({ ...JSON_TRACES, url: "http://c", body: Buffer.from("a") }).done;
  await forwarder.flush(true);
  expect(posts).toBe(1);
  await forwarder.flush();
  expect(posts).toBe(2);
});

test("a refusal is final: the post is dropped and said", async () => {
  const bodies: string[] = [];
  const parcel = await listen((body) => (bodies.push(body) > 0 ? 400 : 200));
  const warnings: string[] = [];
  const forwarder = createForwarder({
    open: opener(),
    trouble: { ...SILENT, warn: (text) => warnings.push(text) },
  });
  await forwarder.send(parcel("bad")).done;
  await forwarder.flush();
  expect(bodies).toEqual(["bad"]);
  expect(warnings).toEqual([expect.stringContaining("refused the browser's data: status 400")]);
});

test("a collector that accepts and never answers does not hold the post for ever", async () => {
  collector = createServer(() => undefined);
  await once(collector.listen(0, "127.0.0.1"), "listening");
  const { port } = collector.address() as AddressInfo;
  const warnings: string[] = [];
  const forwarder = createForwarder({
    open: opener(50),
    trouble: { ...SILENT, warn: (text) => warnings.push(text) },
    retryDelayMs: 60_000,
  });
  await forwarder.send({
    ...JSON_TRACES,
    url: `http://127.0.0.1:${port}/v1/traces`,
    body: new Uint8Array([123, 125]),
  }).done;
  expect(warnings).toHaveLength(1);
});
