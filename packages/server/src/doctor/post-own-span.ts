import { SERVICE_NAME, TEST_CASE_ID } from "@throughline/core/attributes";
import { VERSION } from "../version.ts";
import { post } from "./post.ts";

/** What the doctor's own traces say in `test.case.id`, by which a collector tells them from the app's. */
export const DOCTOR = "throughline doctor";

/** The parent of what was asked in the doctor's trace. */
export interface OwnSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Since 1970, as all of a span's times. */
  readonly startMs: number;
}

/**
 * Posts the doctor's span as a page does its own: without it its requests name a parent that never comes. `headers` tell
 * the app that it is no page's.
 */
export async function postOwnSpan(
  door: string,
  headers: Readonly<Record<string, string>>,
  { traceId, spanId, startMs }: OwnSpan,
): Promise<void> {
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const span = {
    traceId,
    spanId,
    name: DOCTOR,
    kind: 1,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(Date.now()),
  };
  const resource = { attributes: [text(SERVICE_NAME, "throughline-doctor"), text(TEST_CASE_ID, DOCTOR)] };
  const scope = { name: "@throughline/server", version: VERSION };
  const body = { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] };
  await post(`${door}/v1/traces`, headers, { body: JSON.stringify(body) });
}

function nanos(ms: number): string {
  return String(BigInt(Math.round(ms)) * 1_000_000n);
}
