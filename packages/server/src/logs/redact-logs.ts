import type { AnyValue } from "@opentelemetry/api-logs";
import type { LogRecordProcessor } from "@opentelemetry/sdk-logs";
import { scrub } from "@throughline/core";
import { isSecret, REDACTED } from "../secrets.ts";

/** Has every text of a line pass the scrubber of the core before it leaves, as those of spans do: whoever wrote it. */
export const redactLogs: LogRecordProcessor = {
  onEmit(record): void {
    const body = scrubbed(record.body);
    if (body !== record.body) record.setBody(body);
    for (const [key, value] of Object.entries(record.attributes)) {
      const safe = scrubbed(value, key);
      if (safe !== value) record.setAttribute(key, safe);
    }
  },
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

function scrubbed<T extends AnyValue>(value: T, name = ""): T | AnyValue {
  if (isSecret(name, value)) return REDACTED;
  if (typeof value === "string") return scrub(value);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((each) => scrubbed(each, name));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, scrubbed(each, key)]));
}
