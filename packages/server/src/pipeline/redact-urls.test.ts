import { SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { redactUrls } from "./redact-urls.ts";

const SECRET = "s3cr3t";

function exported(attributes: Record<string, string | string[] | number>, name = "span"): ReadableSpan {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [redactUrls(new SimpleSpanProcessor(exporter))],
  });
  const context = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: TraceFlags.SAMPLED };
  const span = provider.getTracer("test").startSpan(name, { attributes, links: [{ context, attributes }] });
  span.addEvent(`logged token=${SECRET}`, attributes);
  const error = new Error(`no answer from https://a.test/b?token=${SECRET}`);
  error.stack = `Error: x\n    at buy (https://a.test/app.js?v=${SECRET}:1:2)`;
  span.recordException(error);
  span.setStatus({ code: SpanStatusCode.ERROR, message: `password=${SECRET}` });
  span.end();
  const [read] = exporter.getFinishedSpans();
  if (!read) throw new Error("no span");
  return read;
}

test("names, attributes, events, links and messages leave without their secrets", () => {
  const span = exported(
    {
      "url.full": `https://ada:${SECRET}@shop.test/a?b=${SECRET}#${SECRET}`,
      "url.query": `b=${SECRET}`,
      "http.request.header.referer": [`https://shop.test/?${SECRET}`],
      "http.request.header.cookie": [`sid=${SECRET}`],
      "app.password": SECRET,
      accessToken: [SECRET],
      "app.note": `ask ada.${SECRET}@shop.test`,
    },
    `GET /a?${SECRET}`,
  );
  const said = [span.name, span.attributes, span.events, span.links, span.status];
  expect(JSON.stringify(said)).not.toContain(SECRET);
  expect(span.attributes["url.full"]).toBe("https://shop.test/a?b=REDACTED");
  expect(span.attributes["url.query"]).toBe("b=REDACTED");
  expect(span.attributes).toMatchObject({ "app.password": "REDACTED", accessToken: ["REDACTED"] });
});

test("a span without a secret keeps its attributes as they are", () => {
  const attributes = {
    "url.path": "/products/7",
    "db.query.text": "select * from a where b = $1",
    n: 1,
    input_tokens: 7,
  };
  expect(exported(attributes).attributes).toEqual(attributes);
});
