import { channel } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Span } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { createContextStorage, type RequestStorage } from "../context-storage.ts";

/** What one response knows about its SERVER spans. */
export interface ResponseRecord {
  readonly response: ServerResponse;
  /** A prefetch, a probe, a file: neither it nor what it runs makes spans, metrics or headers. */
  readonly isNoise: boolean;
  /** The SERVER span opened first; with proxy.ts this is the outer one. */
  first: unknown;
  /** The SERVER span opened last, the one that a failure belongs to. */
  latest: Span | undefined;
  /** The first span, ended and waiting to learn whether a second comes. */
  held: ReadableSpan | undefined;
  /** A second SERVER span has started on this response. */
  joined: boolean;
  /** What `onRequestError` was told. */
  failure: unknown;
}

export interface ResponseRecords {
  current(): ResponseRecord | undefined;
  stop(): void;
}

/** Makes the response of the running request findable from any code below it, without patching anything. */
export function recordResponses(
  isNoise: (request: IncomingMessage) => boolean = () => false,
  requests: RequestStorage<ResponseRecord> = createContextStorage<ResponseRecord>().requests,
): ResponseRecords {
  const started = channel("http.server.request.start");
  const onStart = (message: unknown): void => {
    const { response } = message as { response: ServerResponse };
    const record: ResponseRecord = {
      response,
      isNoise: isNoise(response.req),
      first: undefined,
      latest: undefined,
      held: undefined,
      joined: false,
      failure: undefined,
    };
    requests.enter(record, record.isNoise);
  };
  started.subscribe(onStart);
  return {
    current: requests.current,
    stop: () => {
      started.unsubscribe(onStart);
    },
  };
}
