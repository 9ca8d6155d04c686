import { type Attributes, SpanStatusCode } from "@opentelemetry/api";
import { ERROR_DIGEST } from "@throughline/core/attributes";
import type { ResponseRecord } from "./response-record.ts";

/** Writes a failed request onto its SERVER span; Next.js itself leaves it unset once the page has begun to stream. */
export function recordRequestError(record: ResponseRecord | undefined, error: unknown): void {
  if (!record) return;
  record.failure = error;
  const exception = error instanceof Error ? error : String(error);
  record.latest?.recordException(exception);
  record.latest?.setAttributes(digestOf(error));
  record.latest?.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the browser is told of the error in production: Next.js's id of it, and nothing else. */
export function digestOf(error: unknown): Attributes {
  if (typeof error !== "object" || error === null || !("digest" in error)) return {};
  return { [ERROR_DIGEST]: String(error.digest) };
}
