import type { SpanJson, SpanKind, TraceRow } from "@throughline/core";
import { expect, test } from "vitest";
import { summarise } from "./span-summary.ts";

type Given = Partial<Pick<TraceRow, "label" | "note" | "statusCode">> & Partial<Pick<SpanJson, "attributes">>;

function sentence(kind: SpanKind, { attributes = {}, ...given }: Given): string {
  const span = { spanId: "b7ad6b7169203331", kind };
  const row = { ...span, depth: 0, offsetMs: 0, durationMs: 12, error: false, orphan: false, childCount: 0 };
  const full: SpanJson = {
    ...span,
    traceId: "a".repeat(32),
    name: given.label ?? "",
    startUnixNano: "0",
    endUnixNano: "12000000",
    attributes,
    events: [],
    links: [],
    status: { code: "unset" },
    flags: 1,
    resource: {},
    scope: { name: "" },
    droppedCount: 0,
  };
  return summarise({ ...row, label: "work", service: "shop", ...given }, full);
}

const emails = { "messaging.destination.name": "emails", "messaging.system": "bullmq" };

test("a message is told by its queue and kind, not by its operation twice", () => {
  expect(sentence("producer", { label: "publish emails", attributes: emails })).toBe(
    "shop sent a message to emails in 12 ms",
  );
  const attributes = { ...emails, "throughline.job.name": "receipt" };
  expect(sentence("consumer", { label: "process emails", attributes })).toBe(
    "shop processed the job receipt of emails in 12 ms",
  );
  const batch = { ...emails, "messaging.batch.message_count": 3 };
  expect(sentence("producer", { label: "publish emails", attributes: batch })).toBe(
    "shop sent 3 messages to emails in 12 ms",
  );
});

test("messages of other instrumentations are told by their span's name", () => {
  expect(sentence("producer", { label: "send mail job" })).toBe("send mail job took 12 ms in shop");
  expect(sentence("consumer", { label: "process mail job" })).toBe("process mail job took 12 ms in shop");
});

test("requests and queries are told by what was asked", () => {
  expect(sentence("server", { label: "GET /a", statusCode: 200 })).toBe(
    "shop answered GET /a with 200 in 12 ms",
  );
  expect(sentence("client", { label: "GET /a" })).toBe("shop called GET /a and waited 12 ms");
  const attributes = { "db.system.name": "postgresql" };
  expect(sentence("client", { label: "SELECT a", attributes })).toBe(
    "shop ran SELECT a on postgresql in 12 ms",
  );
});

test("a long name does not hide the rest of the sentence", () => {
  const label = `GET /${"a".repeat(900)}`;
  const text = sentence("server", { label, statusCode: 500 });
  expect(text.length).toBeLessThan(140);
  expect(text).toMatch(/…a+ with 500 in 12 ms$/);
});
