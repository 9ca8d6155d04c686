import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { logs } from "@opentelemetry/api-logs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { afterEach, expect, test, vi } from "vitest";
import { createTroubles } from "../pipeline/troubles.ts";
import { flushProcess, processState } from "../process-state.ts";
import { readServerConfig, type ServerConfig } from "../settings.ts";
import { startLogExport } from "./export-logs.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Post {
  readonly path: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Stands for a collector that keeps posts as they come. */
async function receiver(
  status: number | (() => number) = 200,
): Promise<{ readonly url: string; readonly posts: Post[] }> {
  const posts: Post[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    posts.push({ path: request.url, headers: request.headers, body });
    const code = typeof status === "number" ? status : status();
    // Of 200 nobody reads it.
    response.writeHead(code, { "content-type": "application/json", "retry-after": "60" }).end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posts };
}

function configFor(env: Record<string, string>): ServerConfig {
  const given = { OTEL_ENABLED: "true", OTEL_LOGS_EXPORTER: "otlp", ...env };
  const config = readServerConfig({}, () => undefined, given);
  if (!config) throw new Error("the settings are wrong");
  return config;
}

test("a line leaves as OTLP with its severity, body, attributes, error and span, at the next flush", async () => {
  const { url, posts } = await receiver();
  const { stop } = startLogExport(
    configFor({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: "key=logs",
    }),
    resourceFromAttributes({ "service.name": "shop" }),
    createTroubles(),
  );
  stops.push(stop);
  processState().exportLog?.({
    severity: [17, "error"],
    body: ["%s left of %o", 3, { sku: "pen" }],
    attributes: {
      sku: "pen",
      deep: { list: [1, null], password: "hunter2", pin: { token: 1234 } },
      when: new Date(0),
      cause: new Error("db down"),
      seats: new Map([["a1", "ada"]]),
      query: new URLSearchParams({ token: "hunter2" }),
      upload: Buffer.alloc(1_000_000),
    },
    unixMs: 1_700_000_000_000,
    span: { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 },
    error: new RangeError("sold out"),
  });
  await flushProcess();
  const [post] = posts;
  expect([post?.path, post?.headers.key]).toEqual(["/v1/logs", "logs"]);
  const [resource] = JSON.parse(post?.body ?? "{}").resourceLogs;
  expect(resource.resource.attributes).toContainEqual({
    key: "service.name",
    value: { stringValue: "shop" },
  });
  const [record] = resource.scopeLogs[0].logRecords;
  expect(record).toMatchObject({
    severityNumber: 17,
    severityText: "error",
    body: { stringValue: "3 left of { sku: 'pen' }" },
    timeUnixNano: "1700000000000000000",
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    flags: 1,
  });
  const attributes = Object.fromEntries(
    record.attributes.map(({ key, value }: { key: string; value: unknown }) => [key, value]),
  );
  expect(attributes).toMatchObject({
    sku: { stringValue: "pen" },
    when: { stringValue: "1970-01-01T00:00:00.000Z" },
    "exception.type": { stringValue: "RangeError" },
    "exception.message": { stringValue: "sold out" },
  });
  expect(JSON.stringify(attributes.deep)).toContain('"list"');
  expect(JSON.stringify(attributes.deep)).not.toMatch(/hunter2|1234/);
  expect(attributes.cause.stringValue).toMatch(/^Error: db down\n +at /);
  expect(JSON.stringify(attributes.seats)).toContain('"ada"');
  expect(JSON.stringify(attributes.query)).toMatch(/token.*REDACTED/);
  expect(attributes.upload.stringValue).toMatch(/^<Buffer 00 .* 999950 more bytes>$/);
});

test("of an object without end a thousand members leave", async () => {
  const { url, posts } = await receiver();
  const { stop } = startLogExport(
    configFor({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json" }),
    resourceFromAttributes({}),
    createTroubles(),
  );
  stops.push(stop);
  const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`key${index}`, index]));
  processState().exportLog?.({
    severity: [9, "info"],
    body: "asked",
    attributes: { wide: { wide, wider: wide }, last: "here" },
  });
  await flushProcess();
  const text = posts[0]?.body ?? "";
  expect(text.match(/"key\d+"/g)?.length).toBeLessThanOrEqual(1000);
  expect(text).toContain('"last"');
});

test("lines for which there is no room are told once, and the others leave", async () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  stops.push(() => warned.mockRestore());
  const { url, posts } = await receiver();
  const { stop } = startLogExport(
    configFor({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json" }),
    resourceFromAttributes({}),
    createTroubles(),
  );
  stops.push(stop);
  for (let line = 0; line < 8_292; line += 1)
    processState().exportLog?.({ severity: [9, "info"], body: `line ${line}`, attributes: {} });
  expect(warned.mock.calls).toEqual([
    [expect.stringMatching(/lines of the log are not exported.*8192 wait/)],
  ]);
  await flushProcess();
  processState().exportLog?.({ severity: [9, "info"], body: "there is room again", attributes: {} });
  await flushProcess();
  const bodies = posts.flatMap(({ body }) => body.match(/"body":/g) ?? []);
  expect(bodies).toHaveLength(8_193);
  expect(posts.at(-1)?.body).toContain("there is room again");
});

test("it comes off: nothing is taken any more, and nothing is flushed", async () => {
  const { url } = await receiver();
  const before = processState().flushers.size;
  const { stop } = startLogExport(
    configFor({ OTEL_EXPORTER_OTLP_ENDPOINT: url }),
    resourceFromAttributes({}),
    createTroubles(),
  );
  expect(processState().flushers.size).toBe(before + 1);
  await stop();
  expect([processState().exportLog, processState().flushers.size]).toEqual([undefined, before]);
});

test("a collector that refuses logs is told once, with the cure", async () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  const { url } = await receiver(400);
  const { stop } = startLogExport(
    configFor({ OTEL_EXPORTER_OTLP_ENDPOINT: url }),
    resourceFromAttributes({}),
    createTroubles(),
  );
  stops.push(stop);
  for (let line = 0; line < 3; line += 1) {
    processState().exportLog?.({ severity: [9, "info"], body: "x", attributes: {} });
    await flushProcess();
  }
  expect(warned.mock.calls).toEqual([
    [expect.stringMatching(/did not reach .*\/v1\/logs: .*unset OTEL_LOGS_EXPORTER/)],
  ]);
  warned.mockRestore();
});

test("a collector that asks for a minute of peace has it from the flush after a response, not from one that is asked for", async () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  let status = 503;
  const { url, posts } = await receiver(() => status);
  const { stop } = startLogExport(
    configFor({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: "1" }),
    resourceFromAttributes({}),
    createTroubles(),
  );
  stops.push(stop);
  const log = (): void => processState().exportLog?.({ severity: [9, "info"], body: "x", attributes: {} });
  log();
  await vi.waitFor(() => expect(warned).toHaveBeenCalledTimes(1));
  expect(posts).toHaveLength(1);
  status = 200;
  await flushProcess(true);
  expect(posts).toHaveLength(1);
  log();
  await flushProcess();
  expect(posts).toHaveLength(2);
  warned.mockRestore();
});

test("what cannot be read does not reach the code that logs", async () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  const { url } = await receiver();
  const { stop } = startLogExport(
    configFor({ OTEL_EXPORTER_OTLP_ENDPOINT: url }),
    resourceFromAttributes({}),
    createTroubles(),
  );
  stops.push(stop);
  const attributes = {
    get broken(): string {
      throw new Error("not today");
    },
  };
  processState().exportLog?.({ severity: [9, "info"], body: "x", attributes });
  expect(warned.mock.calls).toEqual([[expect.stringContaining("not today")]]);
  warned.mockRestore();
});

test("no secret of a line leaves, whoever wrote it", async () => {
  const { url, posts } = await receiver();
  const { stop } = startLogExport(
    configFor({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json" }),
    resourceFromAttributes({}),
    createTroubles(),
  );
  stops.push(stop);
  processState().exportLog?.({
    severity: [9, "info"],
    body: "asked https://shop.test/in?code=s3cret-1 for ann@shop.test",
    attributes: { headers: { text: "authorization: Bearer s3cret-2" }, list: ["password=s3cret-3"] },
    error: new Error("token=s3cret-4"),
  });
  logs.getLogger("of an instrumentation").emit({ body: { url: "/in?code=s3cret-5" } });
  await flushProcess();
  const sent = posts.map(({ body }) => body).join();
  expect(sent.match(/s3cret-\d|ann@/g)).toBeNull();
  expect(sent.match(/REDACTED/g)?.length).toBeGreaterThanOrEqual(6);
});
