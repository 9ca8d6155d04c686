import type { SpanJson, TraceRow } from "@throughline/core";
import { formatDuration } from "../format.ts";
import { textOf } from "./attribute-groups.ts";
import { DB_SYSTEM_NAME, OLD_DB_SYSTEM } from "./attribute-names.ts";

/** What happened, in one sentence: `shop answered POST /api/orders with 201 in 84.2 ms`. */
export function summarise(row: TraceRow, span: SpanJson): string {
  const took = formatDuration(row.durationMs);
  const system = textOf(span.attributes, DB_SYSTEM_NAME) ?? textOf(span.attributes, OLD_DB_SYSTEM);
  if (system !== undefined) return `${row.service} ran ${row.label} on ${system} in ${took}`;
  if (row.kind === "server") {
    const answer = row.statusCode === undefined ? "" : ` with ${row.statusCode}`;
    return `${row.service} answered ${row.label}${answer} in ${took}`;
  }
  if (row.kind === "client") {
    const answer = row.statusCode === undefined ? "waited" : `got ${row.statusCode} after`;
    return `${row.service} called ${row.label} and ${answer} ${took}`;
  }
  if (row.kind === "producer") return `${row.service} sent ${row.label} in ${took}`;
  if (row.kind === "consumer") return `${row.service} processed ${row.label} in ${took}`;
  return `${row.label} took ${took} in ${row.service}`;
}
