import type { SpanJson, TraceRow } from "@throughline/core";
import { formatDuration } from "../format.ts";
import { textOf } from "./attribute-groups.ts";
import {
  DB_SYSTEM_NAME,
  JOB_NAME,
  MESSAGING_BATCH_MESSAGE_COUNT,
  MESSAGING_DESTINATION_NAME,
  OLD_DB_SYSTEM,
} from "./attribute-names.ts";

/** Longer names would leave no room for what happened. */
const LONGEST_LABEL = 80;

/** What happened, in one sentence: `shop answered POST /api/orders with 201 in 84.2 ms`. */
export function summarise(row: TraceRow, span: SpanJson): string {
  const { service, statusCode } = row;
  const label = shorten(row.label);
  const took = formatDuration(row.durationMs);
  const system = textOf(span.attributes, DB_SYSTEM_NAME) ?? textOf(span.attributes, OLD_DB_SYSTEM);
  if (system !== undefined) return `${service} ran ${label} on ${system} in ${took}`;
  if (row.kind === "server") {
    const answer = statusCode === undefined ? "" : ` with ${statusCode}`;
    return `${service} answered ${label}${answer} in ${took}`;
  }
  if (row.kind === "client") {
    const answer = statusCode === undefined ? "waited" : `got ${statusCode} after`;
    return `${service} called ${label} and ${answer} ${took}`;
  }
  return messageSentence(row, span, took) ?? `${label} took ${took} in ${service}`;
}

// The span of a message is named after its operation already: `publish emails`.
function messageSentence(
  { kind, service }: TraceRow,
  { attributes }: SpanJson,
  took: string,
): string | undefined {
  const queue = textOf(attributes, MESSAGING_DESTINATION_NAME);
  if (queue === undefined || (kind !== "producer" && kind !== "consumer")) return undefined;
  const name = textOf(attributes, JOB_NAME);
  if (kind === "consumer") {
    return `${service} processed ${name === undefined ? "a message" : `the job ${name}`} of ${queue} in ${took}`;
  }
  const count = attributes[MESSAGING_BATCH_MESSAGE_COUNT];
  const many = typeof count === "number" && count > 1 ? `${count} messages` : "a message";
  return `${service} sent ${name === undefined ? many : `the job ${name}`} to ${queue} in ${took}`;
}

function shorten(label: string): string {
  if (label.length <= LONGEST_LABEL) return label;
  return `${label.slice(0, LONGEST_LABEL / 2)}…${label.slice(-LONGEST_LABEL / 2)}`;
}
