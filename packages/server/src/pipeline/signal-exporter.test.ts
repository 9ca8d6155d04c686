import { ExportResultCode } from "@opentelemetry/core";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Outcome } from "./delivery/sender.ts";
import { createSignalExporter } from "./signal-exporter.ts";

const TAKEN: Outcome = { kind: "taken", rejected: 0, message: "" };
const later = (afterMs?: number): Outcome => ({
  kind: "later",
  reason: "503",
  cure: "",
  reached: true,
  afterMs,
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Sends to a collector that answers so, the last for good; `send` tells what becomes of it. */
function exporterTo(...answers: Outcome[]) {
  const sent: string[] = [];
  const told: string[] = [];
  const exporter = createSignalExporter<string>({
    sender: {
      send: async (body) => {
        sent.push(new TextDecoder().decode(body));
        return (answers.length > 1 ? answers.shift() : answers[0]) ?? TAKEN;
      },
      close: () => undefined,
    },
    serialize: (text) => new TextEncoder().encode(text),
    countOf: ({ length }) => length,
    print: (lost, reason) => `${lost}: ${reason}`,
    trouble: { warn: (text) => told.push(text) },
    patienceMs: 25_000,
  });
  const send = async (text: string): Promise<string> =>
    new Promise((resolve) => {
      exporter.export(text, ({ code, error }) =>
        resolve(code === ExportResultCode.SUCCESS ? "sent" : String(error?.message)),
      );
    });
  return { exporter, sent, told, send };
}

test("a collector that fails is asked again after half a second and two seconds, then the items are lost", async () => {
  const { send, sent, exporter } = exporterTo(later());
  const told = send("a");
  await vi.advanceTimersByTimeAsync(499);
  expect(sent).toEqual(["a"]);
  await vi.advanceTimersByTimeAsync(2001);
  expect([await told, sent, exporter.isAskedToWait()]).toEqual(["503", ["a", "a", "a"], false]);
});

test("what is lost is counted since the start, and of a batch that was taken in part what was rejected", async () => {
  const { send, told } = exporterTo(
    { kind: "refused", reason: "401", cure: "" },
    { kind: "taken", rejected: 1, message: "too old" },
    TAKEN,
  );
  for (const text of ["abc", "de", "f"]) await send(text);
  expect(told).toEqual(["3: 401", "4: 1 were rejected, too old"]);
});

test("Retry-After is kept", async () => {
  const { send, sent, exporter } = exporterTo(later(20_000), TAKEN);
  const told = send("a");
  await vi.advanceTimersByTimeAsync(19_999);
  expect([sent, exporter.isAskedToWait()]).toEqual([["a"], true]);
  await vi.advanceTimersByTimeAsync(1);
  expect([await told, sent, exporter.isAskedToWait()]).toEqual(["sent", ["a", "a"], false]);
});

test("a Retry-After that is longer than the items can be kept: nothing is sent before its end", async () => {
  const { send, sent } = exporterTo(later(60_000), TAKEN);
  expect([await send("a"), await send("b"), sent]).toEqual([
    "503",
    "it asked to wait for longer than these can be kept",
    ["a"],
  ]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([await send("c"), sent]).toEqual(["sent", ["a", "c"]]);
});

test.each(["forceFlush", "shutdown"] as const)("%s cuts the wait short", async (end) => {
  const { send, sent, exporter } = exporterTo(later(20_000), TAKEN);
  const told = send("a");
  await vi.advanceTimersByTimeAsync(1);
  await exporter[end]();
  expect([await told, sent]).toEqual(["sent", ["a", "a"]]);
});

test("a flush does not wait for what a collector asks meanwhile; who is patient does afterwards", async () => {
  const { send, sent, exporter } = exporterTo(later(20_000));
  const told = send("a");
  const flushed = exporter.forceFlush();
  await vi.advanceTimersByTimeAsync(2500);
  await flushed;
  expect([await told, sent, exporter.isAskedToWait()]).toEqual(["503", ["a", "a", "a"], true]);
});
