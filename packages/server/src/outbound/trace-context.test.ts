import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { context, propagation } from "@opentelemetry/api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inMemory, serve, type TestServer, type TracedCalls } from "../../test-data/traced-calls.ts";
import { createContextStorage } from "../context-storage.ts";
import { traceNodeRequests } from "../requests/node-requests.ts";
import { traceOutbound } from "./outbound.ts";
import { createPropagator } from "./propagator.ts";

// What the test suite of the W3C working group asks of a service: it is called with headers, and calls somebody else.
// https://github.com/w3c/trace-context/tree/main/test

const TRACE = "12345678901234567890123456789012";
const PARENT = "1234567890123456";
const VALID = `traceparent: 00-${TRACE}-${PARENT}-01`;

let memory: TracedCalls;
let service: TestServer;
let sink: TestServer;
const stops: (() => void)[] = [];

beforeAll(async () => {
  memory = inMemory();
  const storage = createContextStorage();
  context.disable();
  context.setGlobalContextManager(storage.manager.enable());
  propagation.disable();
  propagation.setGlobalPropagator(
    createPropagator({
      propagators: ["tracecontext", "baggage"],
      trust: undefined,
      acceptBaggage: undefined,
      servesNoise: () => false,
    }),
  );
  const rules = { ignoreUrls: [], propagateTo: undefined, followsParent: true };
  stops.push(traceOutbound(memory.tracer, { ...rules, propagators: ["tracecontext", "baggage"] }));
  stops.push(
    traceNodeRequests(memory.tracer, {
      route: undefined,
      isNoise: () => false,
      enter: storage.enter,
      bind: storage.bind,
    }),
  );
  sink = await serve((_, response) => response.end());
  service = await serve(async (request, response) => {
    // The sink is a server of this process too; what it is told is what counts.
    if (request.headers["x-sink"] === undefined) await (await fetch(sink.origin)).text();
    response.end();
  });
});
afterAll(async () => {
  for (const stop of stops) stop();
  await service.stop();
  await sink.stop();
  await memory.stop();
});

interface Told {
  readonly traceId: string;
  readonly parentId: string;
  readonly flags: string;
  readonly state: string | undefined;
}

async function call(...headers: readonly string[]): Promise<Told> {
  const before = sink.requests.length;
  const socket = connect(service.port, "127.0.0.1");
  socket.write(["GET / HTTP/1.1", "host: x", "connection: close", ...headers, "", ""].join("\r\n"));
  await text(socket);
  const told = sink.requests[before];
  const [version, traceId = "", parentId = "", flags = "", ...rest] = String(told?.headers.traceparent).split(
    "-",
  );
  expect([version, rest]).toEqual(["00", []]);
  expect(traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
  expect(parentId).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
  const state = told?.headers.tracestate;
  return { traceId, parentId, flags, state: state === undefined ? undefined : String(state) };
}

test("both headers missing: a new trace", async () => {
  expect((await call()).traceId).not.toBe(TRACE);
});

test.each([
  ["traceparent alone", VALID],
  ["flags 00", VALID.replace(/01$/, "00")],
  ["a name in capitals", VALID.replace("traceparent", "TraceParent")],
  ["white space around the value", `traceparent: \t ${VALID.slice(13)} \t `],
  ["a future version", VALID.replace(" 00-", " cc-")],
  ["a future version with more", `${VALID.replace(" 00-", " cc-")}-what-the-future-will-be-like`],
])("%s: the trace goes on below a new id", async (_, header) => {
  const told = await call(header);
  expect(told.traceId).toBe(TRACE);
  expect(told.parentId).not.toBe(PARENT);
});

test.each([
  ["twice", `${VALID}\r\n${VALID.replace("1234567890123456-", "1234567890123457-")}`],
  ["a name with a dash", VALID.replace("traceparent", "trace-parent")],
  ["a name with a dot", VALID.replace("traceparent", "trace.parent")],
  ["version 00 with more", `${VALID}-what-the-future-will-be-like`],
  ["a future version with a dot", `${VALID.replace(" 00-", " cc-")}.what-the-future-will-be-like`],
  ["version ff", VALID.replace(" 00-", " ff-")],
  ["a version of letters", VALID.replace(" 00-", " .0-")],
  ["a version of one digit", VALID.replace(" 00-", " 0-")],
  ["a version of three digits", VALID.replace(" 00-", " 000-")],
  ["a trace id of zeros", VALID.replace(TRACE, "0".repeat(32))],
  ["a trace id in capitals", VALID.replace(TRACE, `ABCDEF${TRACE.slice(6)}`)],
  ["a trace id with a dot", VALID.replace(TRACE, `.${TRACE.slice(1)}`)],
  ["a trace id too long", VALID.replace(TRACE, `${TRACE}3`)],
  ["a trace id too short", VALID.replace(TRACE, TRACE.slice(1))],
  ["a parent of zeros", VALID.replace(`-${PARENT}-`, `-${"0".repeat(16)}-`)],
  ["a parent with a dot", VALID.replace(`-${PARENT}-`, `-.${PARENT.slice(1)}-`)],
  ["a parent too long", VALID.replace(`-${PARENT}-`, `-${PARENT}7-`)],
  ["a parent too short", VALID.replace(`-${PARENT}-`, `-${PARENT.slice(1)}-`)],
  ["flags with a dot", VALID.replace(/01$/, ".0")],
  ["flags too long", VALID.replace(/01$/, "001")],
  ["flags too short", VALID.replace(/01$/, "1")],
])("traceparent, %s: a new trace, and the state is discarded", async (_, header) => {
  const told = await call(header, "tracestate: foo=1");
  expect(told.traceId).not.toBe(TRACE);
  expect(told.state).toBeUndefined();
});

test("tracestate without traceparent is discarded", async () => {
  expect((await call("tracestate: foo=1")).state).toBeUndefined();
});

const many = (count: number): string =>
  Array.from({ length: count }, (_, index) => `bar${index}=${index}`).join(",");

test.each([
  ["one header", ["tracestate: foo=1,bar=2"], "foo=1,bar=2"],
  ["several headers", ["tracestate: foo=1", "tracestate: bar=2"], "foo=1,bar=2"],
  ["empty headers between", ["tracestate: foo=1", "tracestate:", "tracestate: bar=2"], "foo=1,bar=2"],
  ["an empty header", ["tracestate:"], undefined],
  ["a name in capitals", ["TraceState: foo=1"], "foo=1"],
  ["white space", ["tracestate: foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"],
  ["32 members", [`tracestate: ${many(32)}`], many(32)],
  ["33 members", [`tracestate: ${many(33)}`], undefined],
  ["33 members in two headers", [`tracestate: ${many(32)}`, "tracestate: foo=1"], undefined],
  ["the longest key", [`tracestate: foo=1,${"z".repeat(256)}=1`], `foo=1,${"z".repeat(256)}=1`],
  ["a key too long", [`tracestate: foo=1,${"z".repeat(257)}=1`], undefined],
  [
    "the longest tenant",
    [`tracestate: ${"t".repeat(241)}@${"v".repeat(14)}=1`],
    `${"t".repeat(241)}@${"v".repeat(14)}=1`,
  ],
  ["a tenant too long", [`tracestate: ${"t".repeat(242)}@v=1`], undefined],
  ["a vendor too long", [`tracestate: t@${"v".repeat(15)}=1`], undefined],
  ["no tenant", ["tracestate: foo=1,@v=1"], undefined],
  ["no vendor", ["tracestate: foo=1,t@=1"], undefined],
  ["a key in capitals", ["tracestate: FOO=1"], undefined],
  ["a value with an equals sign", ["tracestate: foo=bar=baz"], undefined],
  ["an empty value", ["tracestate: foo=,bar=3"], undefined],
  ["an empty key", ["tracestate: =1"], undefined],
])("tracestate, %s", async (_, headers, expected) => {
  const told = await call(VALID, ...headers);
  expect(told.traceId).toBe(TRACE);
  expect(told.state).toBe(expected);
});

test("a key twice is handed on as it came", async () => {
  expect((await call(VALID, "tracestate: foo=1,foo=2")).state).toBe("foo=1,foo=2");
});
