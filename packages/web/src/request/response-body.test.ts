import { describe, expect, test } from "vitest";
import { watchBody } from "./response-body.ts";

/** A watched response of two chunks, the second of which comes when asked for. */
function createWatched() {
  const log: string[] = [];
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(started) {
      controller = started;
      started.enqueue(new TextEncoder().encode('{"a":'));
    },
  });
  const response = new Response(stream);
  watchBody(response, {
    started: () => log.push("started"),
    ended: (error) => log.push(error instanceof Error ? `ended: ${error.message}` : "ended"),
  });
  return {
    response,
    log,
    finish() {
      controller?.enqueue(new TextEncoder().encode("1}"));
      controller?.close();
    },
    break: () => controller?.error(new Error("connection lost")),
  };
}

const WAYS: readonly (readonly [string, (response: Response) => Promise<unknown>])[] = [
  ["json", (response) => response.json()],
  ["text", (response) => response.text()],
  ["arrayBuffer", (response) => response.arrayBuffer()],
  ["blob", (response) => response.blob()],
  ["a clone", (response) => response.clone().text()],
  ["a reader", (response) => readAll(response.body)],
  ["a branch of tee", (response) => readAll(response.body?.tee()[0])],
  [
    "pipeTo",
    (response) => response.body?.pipeTo(new WritableStream()) ?? Promise.reject(new Error("no body")),
  ],
  ["pipeThrough", (response) => readAll(response.body?.pipeThrough(new TransformStream()))],
  ["for await", (response) => iterate(response.body)],
];

async function readAll(stream: ReadableStream | null | undefined): Promise<void> {
  const reader = stream?.getReader();
  while (reader && !(await reader.read()).done);
}

async function iterate(stream: ReadableStream | null): Promise<void> {
  for await (const chunk of stream ?? []) expect(chunk.length).toBeGreaterThan(0);
}

describe("reading ends with the last byte, not before", () => {
  test.each(WAYS)("by %s", async (_name, read) => {
    const watched = createWatched();
    const done = read(watched.response);
    await Promise.resolve();
    expect(watched.log).not.toContain("ended");
    watched.finish();
    await done;
    await expect.poll(() => watched.log).toContain("ended");
    expect(watched.log[0]).toBe("started");
  });
});

describe("a body that breaks off ends with the error, and the app gets it too", () => {
  test.each(WAYS)("by %s", async (_name, read) => {
    const watched = createWatched();
    const done = read(watched.response);
    watched.break();
    const error = await done.then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    await expect.poll(() => watched.log).toContain(`ended: ${error?.message}`);
  });
});

test("cancelling ends it", async () => {
  const watched = createWatched();
  await watched.response.body?.cancel();
  expect(watched.log).toContain("ended");
});

test("nothing is read before the app reads", async () => {
  const { response, log } = createWatched();
  expect(response.bodyUsed).toBe(false);
  expect(response.body?.locked).toBe(false);
  expect(log).toEqual([]);
});

test("the response stays what it is", async () => {
  const { response, finish } = createWatched();
  expect(response).toBeInstanceOf(Response);
  expect(response.body).toBe(response.body);
  expect(response.body).toBeInstanceOf(ReadableStream);
  expect(response.clone()).toBeInstanceOf(Response);
  expect(Object.keys(response)).toEqual([]);
  finish();
  expect(await new Response(response.body).json()).toEqual({ a: 1 });
});

test("releasing a reader is no end, the next reader's is", async () => {
  const { response, log, finish } = createWatched();
  const reader = response.body?.getReader();
  await reader?.read();
  reader?.releaseLock();
  finish();
  const rest = response.body?.getReader();
  expect(log).not.toContain("ended");
  while (rest && !(await rest.read()).done);
  await expect.poll(() => log).toContain("ended");
  expect(log.filter((entry) => entry.startsWith("ended:"))).toEqual([]);
});

test("reading twice fails as ever and says nothing about the body", async () => {
  const { response, log, finish } = createWatched();
  const first = response.json();
  await expect(response.text()).rejects.toThrow(TypeError);
  expect(log).toEqual(["started"]);
  finish();
  expect(await first).toEqual({ a: 1 });
});

test("what a locked stream refuses is no end: its reader goes on", async () => {
  const { response, log, finish } = createWatched();
  const reader = response.body?.getReader();
  await expect(response.body?.cancel()).rejects.toThrow(TypeError);
  await expect(response.body?.pipeTo(new WritableStream())).rejects.toThrow(TypeError);
  expect(log).toEqual(["started"]);
  finish();
  while (!(await reader?.read())?.done);
  await expect.poll(() => log).toEqual(["started", "ended"]);
});

test("a pipe through what is locked fails as the browser's own", () => {
  const { response } = createWatched();
  const { body } = response;
  body?.getReader();
  expect(() => body?.pipeThrough(new TextDecoderStream())).toThrow(TypeError);
  const pair = new TextDecoderStream();
  pair.writable.getWriter();
  expect(() => createWatched().response.body?.pipeThrough(pair)).toThrow(TypeError);
});
