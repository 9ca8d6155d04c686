import { expect, test } from "vitest";
import { createSseParser, type SseEvent } from "./sse.ts";

function parse(chunks: readonly string[]): SseEvent[] {
  const events: SseEvent[] = [];
  const feed = createSseParser((event) => events.push(event));
  for (const chunk of chunks) feed(chunk);
  return events;
}

const text = ': hello\n\nevent: spans\ndata: {"traceIds":["a"],\ndata: "spanCount":1}\n\ndata: plain\r\n\r\n';
const expected = [
  { event: "spans", data: '{"traceIds":["a"],\n"spanCount":1}' },
  { event: "message", data: "plain" },
];

test("events are read whole, comments are skipped", () => {
  expect(parse([text])).toEqual(expected);
});

test("it does not matter where the network cuts the stream", () => {
  for (let at = 1; at < text.length; at++)
    expect(parse([text.slice(0, at), text.slice(at)])).toEqual(expected);
  expect(parse([...text])).toEqual(expected);
});

test("an unfinished event is not told", () => {
  expect(parse(["event: spans\ndata: {}\n"])).toEqual([]);
});
