import type { ServerResponse } from "node:http";
import type { Attributes } from "@opentelemetry/api";
import type { TimedEvent } from "@opentelemetry/sdk-trace-base";
import {
  ERROR_DIGEST,
  ERROR_TYPE,
  EXCEPTION_EVENT,
  EXCEPTION_MESSAGE,
  EXCEPTION_STACKTRACE,
  EXCEPTION_TYPE,
} from "@throughline/core/attributes";
import { errorText, stackOf } from "../error-text.ts";
import { hrTimeOf } from "../tracer/clock.ts";
import type { ResponseRecord } from "./response-record.ts";

/** `ResponseAborted` is the reason of Next.js's own signal. */
const LEAVING = /^(AbortError|ResponseAborted)$/;

/** What went wrong in a request, and when it was told. */
export interface Failure {
  readonly error: unknown;
  /** By `performance.now`. */
  readonly atMs: number;
  /** Told when the response was over. */
  readonly isLate: boolean;
}

/** Keeps why a request failed for its SERVER span; Next.js itself leaves that unset once the page streams. */
export function recordRequestError(record: ResponseRecord | undefined, error: unknown, path?: string): void {
  if (!record || (path !== undefined && record.trace?.isRevalidating(path))) return;
  record.failure ??= { error: causeOf(error), atMs: performance.now(), isLate: record.end !== undefined };
}

/** What Next.js makes of an error in the midst of an answer (`pipeToNodeResponse` of 16.4.6): the app's is its cause. */
const PIPING = "failed to pipe response";

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.message === PIPING ? (error.cause ?? error) : error;
}

/** Whether it tells of a failure in Next.js's words, and not in the app's. */
export function isOfPiping({ attributes }: TimedEvent): boolean {
  return attributes?.[EXCEPTION_MESSAGE] === PIPING;
}

/**
 * Whether it is no more than that the caller has gone: what listened to the request's `signal` was told to stop, or what
 * read its body has not got all of it.
 */
export function isOfLeaving({ error, isLate }: Failure, { req }: ServerResponse): boolean {
  if (!(error instanceof Error)) return false;
  return LEAVING.test(errorText(error.name)) || (isLate && !req.complete && isCutOff(error));
}

/** By what Node.js, undici and readers of forms say of a body that broke off. */
function isCutOff(error: Error): boolean {
  const { code } = error as { readonly code?: unknown };
  if (code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE") return true;
  const cause = error.cause instanceof Error && isCutOff(error.cause);
  return (
    cause ||
    /\b(aborted|terminated|premature|unexpected end|invalid body|failed to parse)\b/i.test(error.message)
  );
}

/**
 * Whether it says no more than the answer does, which is no failure of a server's below 500: Next.js's reader of bodies
 * throws the 400 or 413 that it then sends, and tells `onRequestError` of it (`ApiError` of 16.4.6).
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status
 */
export function isAnswer({ error }: Failure, status: number | undefined): boolean {
  if (!(error instanceof Error) || status === undefined || status < 400 || status >= 500) return false;
  return (error as { readonly statusCode?: unknown }).statusCode === status;
}

/** By the conventions: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/ */
export function exceptionOf({ error, atMs }: Failure, origin: number): TimedEvent {
  const stack = error instanceof Error ? stackOf(error) : undefined;
  const attributes = {
    [EXCEPTION_MESSAGE]: errorText(error),
    ...(error instanceof Error && { [EXCEPTION_TYPE]: errorText(error.name) }),
    ...(stack !== undefined && { [EXCEPTION_STACKTRACE]: stack }),
  };
  return { name: EXCEPTION_EVENT, time: hrTimeOf(atMs, origin), attributes };
}

/** `error.type`, and Next.js's id of the error, which is all that the browser is told of it in production. */
export function attributesOf({ error }: Pick<Failure, "error">): Attributes {
  const digest = typeof error === "object" && error !== null && "digest" in error ? error.digest : undefined;
  return {
    ...(error instanceof Error && { [ERROR_TYPE]: errorText(error.name) }),
    ...(digest !== undefined && { [ERROR_DIGEST]: errorText(digest) }),
  };
}
