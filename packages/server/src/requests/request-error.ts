import type { Attributes, HrTime } from "@opentelemetry/api";
import { hrTime } from "@opentelemetry/core";
import type { TimedEvent } from "@opentelemetry/sdk-trace-base";
import {
  ERROR_DIGEST,
  ERROR_TYPE,
  EXCEPTION_EVENT,
  EXCEPTION_MESSAGE,
  EXCEPTION_STACKTRACE,
  EXCEPTION_TYPE,
} from "@throughline/core/attributes";
import type { ResponseRecord } from "./response-record.ts";

/** What went wrong in a request, and when it was told. */
export interface Failure {
  readonly error: unknown;
  readonly time: HrTime;
}

/** Keeps why a request failed for its SERVER span; Next.js itself leaves that unset once the page streams. */
export function recordRequestError(record: ResponseRecord | undefined, error: unknown): void {
  if (record) record.failure ??= { error, time: hrTime() };
}

export function messageOf({ error }: Failure): string {
  return error instanceof Error ? error.message : String(error);
}

/** By the conventions: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/ */
export function exceptionOf(failure: Failure): TimedEvent {
  const { error, time } = failure;
  const attributes = {
    [EXCEPTION_MESSAGE]: messageOf(failure),
    ...(error instanceof Error && {
      [EXCEPTION_TYPE]: error.name,
      ...(error.stack !== undefined && { [EXCEPTION_STACKTRACE]: error.stack }),
    }),
  };
  return { name: EXCEPTION_EVENT, time, attributes };
}

/** `error.type`, and Next.js's id of the error, which is all that the browser is told of it in production. */
export function attributesOf({ error }: Failure): Attributes {
  const digest = typeof error === "object" && error !== null && "digest" in error ? error.digest : undefined;
  return {
    ...(error instanceof Error && { [ERROR_TYPE]: error.name }),
    ...(digest !== undefined && { [ERROR_DIGEST]: String(digest) }),
  };
}
