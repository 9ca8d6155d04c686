import { context, trace } from "@opentelemetry/api";
import { JsonLogsSerializer, ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import type { TraceDocument } from "@throughline/core";
import { beforeEach, expect, test } from "vitest";
import { JSON_TYPE, post, request, restart, SPAN, TRACE, traces } from "../../test/posting.ts";
import { parseJsonBody } from "./decode-json.ts";
import { decodeJsonLogs } from "./decode-logs-json.ts";
import { decodeProtobufLogs } from "./decode-logs-protobuf.ts";
import { createIntern } from "./intern.ts";

beforeEach(() => restart());

// Upstream's serializers are the producers: what they write is what exporters in the field send.
function written(): ReadableLogRecord[] {
  const exporter = new InMemoryLogRecordExporter();
  const logger = new LoggerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    processors: [new SimpleLogRecordProcessor({ exporter })],
  }).getLogger("test");
  const span = { traceId: TRACE, spanId: SPAN, traceFlags: 1 };
  logger.emit({
    timestamp: [1_790_000_000, 123_456_789],
    severityNumber: 13,
    severityText: "warn",
    body: "low on 日本",
    attributes: { sku: "pen", left: 3, nested: { list: [1, "a"] } },
    context: trace.setSpanContext(context.active(), span),
  });
  logger.emit({
    body: { no: "text" },
    timestamp: [1_790_000_001, 0],
    context: trace.setSpanContext(context.active(), span),
  });
  logger.emit({ body: "outside of every trace" });
  return exporter.getFinishedLogRecords();
}

const LINES = [
  {
    traceId: TRACE,
    spanId: SPAN,
    timeUnixNano: "1790000000123456789",
    severityNumber: 13,
    severityText: "warn",
    body: "low on 日本",
    service: "shop",
    attributes: { sku: "pen", left: 3, nested: { list: [1, "a"] } },
  },
  expect.objectContaining({ body: '{"no":"text"}', severityNumber: 0, severityText: "" }),
];

test("both encodings give the same lines: those of a trace, while all are counted", () => {
  const records = written();
  const json = JsonLogsSerializer.serializeRequest(records) ?? new Uint8Array();
  const protobuf = ProtobufLogsSerializer.serializeRequest(records) ?? new Uint8Array();
  expect(decodeJsonLogs(parseJsonBody(json), createIntern())).toEqual({ count: 3, lines: LINES });
  expect(decodeProtobufLogs(protobuf, createIntern())).toEqual({ count: 3, lines: LINES });
});

test("a trace is given back with its lines, in order of time, until it is cleared", async () => {
  await post(traces({}));
  const line = (at: number, body: string) => ({
    traceId: TRACE.toUpperCase(),
    spanId: SPAN,
    timeUnixNano: String(at),
    body: { stringValue: body },
  });
  const resourceLogs = [{ scopeLogs: [{ logRecords: [line(2, "second"), line(1, "first")] }] }];
  const response = await post(JSON.stringify({ resourceLogs }), JSON_TYPE, "/v1/logs");
  expect(response.status).toBe(200);
  const bodies = async (): Promise<readonly string[]> => {
    const document = (await (await request(`/api/traces/${TRACE}`)).json()) as TraceDocument;
    return document.logs.map(({ body }) => body);
  };
  expect(await bodies()).toEqual(["first", "second"]);
  await request("/api/traces", { method: "DELETE" });
  await post(traces({}));
  expect(await bodies()).toEqual([]);
});

test("lines of the wrong shape are refused with the reason", async () => {
  const response = await post('{"resourceLogs":[{"scopeLogs":{}}]}', JSON_TYPE, "/v1/logs");
  expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("scopeLogs")]);
});
