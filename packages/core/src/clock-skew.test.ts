import { expect, test } from "vitest";
import { clockFinding, correctClocks } from "./clock-skew.ts";
import type { SpanKind, SpanRecord } from "./span-record.ts";

const MINUTES_10 = 600_000;

/** `from` and `to` in milliseconds by the clock of its process. */
function span(
  spanId: string,
  parentSpanId: string,
  kind: SpanKind,
  service: string,
  from: number,
  to: number,
) {
  const record: SpanRecord = {
    traceId: "t",
    spanId,
    ...(parentSpanId ? { parentSpanId } : {}),
    name: spanId,
    kind,
    startUnixNano: BigInt(from) * 1_000_000n,
    endUnixNano: BigInt(to) * 1_000_000n,
    attributes: {},
    events: [{ name: "event", timeUnixNano: BigInt(from) * 1_000_000n, attributes: {} }],
    links: [],
    status: { code: "unset" },
    flags: 1,
    resource: { "service.name": service },
    scope: { name: "test" },
    droppedCount: 0,
  };
  return record;
}

function times(spans: readonly SpanRecord[]): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    correctClocks(spans).spans.map(({ name, startUnixNano, endUnixNano }) => [
      name,
      [Number(startUnixNano) / 1e6, Number(endUnixNano) / 1e6],
    ]),
  );
}

/** A click at 1,000 s whose request takes 100 ms, of which the server has 20; the browser's clock is off by `off`. */
function click(off: number): readonly SpanRecord[] {
  const at = 1_000_000;
  return [
    span("click", "", "internal", "web", at + off, at + 110 + off),
    span("call", "click", "client", "web", at + 5 + off, at + 105 + off),
    span("answer", "call", "server", "shop", at + 50, at + 70),
    span("query", "answer", "client", "shop", at + 55, at + 60),
  ];
}

test("clocks that agree are left alone, down to the objects", () => {
  const spans = click(0);
  expect(correctClocks(spans)).toEqual({ spans, shifts: [] });
  expect(correctClocks(spans).spans).toBe(spans);
});

test.each([MINUTES_10, -MINUTES_10])(
  "a browser whose clock is off by %i ms: what the server did is in the middle of the call, by the server's clock",
  (off) => {
    const moved = times(click(off));
    expect(moved.answer).toEqual([1_000_050, 1_000_070]);
    expect(moved.query).toEqual([1_000_055, 1_000_060]);
    expect(moved.call).toEqual([1_000_010, 1_000_110]);
    expect(moved.click).toEqual([1_000_005, 1_000_115]);
  },
);

test("a caller that gave up proves no clock wrong: it may be served after", () => {
  const attributes = { "http.request.method": "GET" };
  const spans = [
    { ...span("call", "", "client", "shop", 0, 1_000), attributes },
    span("answer", "call", "server", "inventory", 3_000, 3_050),
  ];
  expect(correctClocks(spans).shifts).toEqual([]);
  const answered = { ...attributes, "http.response.status_code": 200 };
  expect(correctClocks(spans.map((each) => ({ ...each, attributes: answered }))).shifts).toHaveLength(1);
});

test("the order in which the spans came is of no matter, and events move with their spans", () => {
  const { spans, shifts } = correctClocks([...click(MINUTES_10)].reverse());
  const call = spans.find(({ name }) => name === "call");
  expect(call?.events[0]?.timeUnixNano).toBe(call?.startUnixNano);
  expect(shifts).toEqual([
    { service: "web", spanIds: ["call", "click"], shiftNano: -BigInt(MINUTES_10 - 5) * 1_000_000n },
  ]);
});

test("a page load below the server that served it moves with the requests of the page", () => {
  const moved = times([
    span("GET /", "", "server", "shop", 900_000, 900_030),
    span("page load", "GET /", "internal", "web", 899_990 + MINUTES_10, 900_300 + MINUTES_10),
    span("call", "page load", "client", "web", 900_200 + MINUTES_10, 900_240 + MINUTES_10),
    span("answer", "call", "server", "shop", 900_210, 900_230),
  ]);
  expect(moved["GET /"]).toEqual([900_000, 900_030]);
  expect(moved["page load"]).toEqual([899_990, 900_300]);
});

test("two calls narrow down what one leaves open", () => {
  const moved = times([
    span("root", "", "internal", "web", MINUTES_10, MINUTES_10 + 400),
    span("one", "root", "client", "web", MINUTES_10 + 100, MINUTES_10 + 200),
    span("answer one", "one", "server", "shop", 110, 120),
    span("two", "root", "client", "web", MINUTES_10 + 300, MINUTES_10 + 320),
    span("answer two", "two", "server", "shop", 305, 315),
  ]);
  expect(moved.one).toEqual([100, 200]);
  expect(moved.two).toEqual([300, 320]);
});

test("services behind the server follow it", () => {
  const moved = times([
    ...click(MINUTES_10),
    span("out", "answer", "client", "shop", 1_000_052, 1_000_060),
    span("stock", "out", "server", "inventory", 1_000_054 - MINUTES_10, 1_000_058 - MINUTES_10),
  ]);
  expect(moved.stock).toEqual([1_000_054, 1_000_058]);
});

test.each([
  ["an answer that goes on after the caller gave up", 1_000_010, 1_005_000],
  ["an answer that begins a reading of the clock too early", 999_998, 1_000_050],
])("%s proves no clock wrong", (_, from, to) => {
  const spans = [
    span("call", "", "client", "web", 1_000_000, 1_000_100),
    span("answer", "call", "server", "shop", from, to),
  ];
  expect(correctClocks(spans).shifts).toEqual([]);
});

test("an answer that takes longer than its call begins with it", () => {
  const moved = times([
    span("call", "", "client", "web", MINUTES_10, MINUTES_10 + 100),
    span("answer", "call", "server", "shop", 0, 5_000),
  ]);
  expect(moved.call).toEqual([0, 100]);
});

test("the reader is told whose clock is off, by how much and which way", () => {
  const [shift] = correctClocks(click(-MINUTES_10)).shifts;
  expect(shift && clockFinding(shift)).toMatchObject({
    code: "TL-P20",
    severity: "info",
    message: "the clock of web is 600.005 s behind: its spans are shown by the clock of the server",
  });
});
