import type { Attributes, AttributeValue, LogLine } from "@throughline/core";
import { SERVICE_NAME } from "@throughline/core/attributes";

/** What one request for logs held: how many lines, and those that belong to a trace. */
export interface DecodedLogs {
  count: number;
  readonly lines: LogLine[];
}

/** A line as it came off either wire. Ids are hex in any letter case. */
export interface LogDraft {
  traceId: string;
  spanId: string;
  timeUnixNano: bigint;
  observedUnixNano: bigint;
  severityNumber: number;
  severityText: string;
  body: AttributeValue;
  attributes: Attributes;
}

export function openLog(): LogDraft {
  return {
    traceId: "",
    spanId: "",
    timeUnixNano: 0n,
    observedUnixNano: 0n,
    severityNumber: 0,
    severityText: "",
    body: null,
    attributes: {},
  };
}

/** Counts the line, and keeps it where it names a trace. */
export function addLog(decoded: DecodedLogs, draft: LogDraft, resource: Attributes): void {
  decoded.count += 1;
  if (!isId(draft.traceId, 32)) return;
  const service = resource[SERVICE_NAME];
  decoded.lines.push({
    traceId: draft.traceId.toLowerCase(),
    spanId: isId(draft.spanId, 16) ? draft.spanId.toLowerCase() : "",
    // A sender that does not know when it happened says when it saw it.
    timeUnixNano: String(draft.timeUnixNano || draft.observedUnixNano),
    severityNumber: draft.severityNumber,
    severityText: draft.severityText,
    body: typeof draft.body === "string" ? draft.body : JSON.stringify(draft.body),
    service: typeof service === "string" ? service : "unknown_service",
    attributes: draft.attributes,
  });
}

function isId(text: string, length: number): boolean {
  return text.length === length && /^[0-9a-f]+$/i.test(text) && !/^0+$/.test(text);
}
