import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";

export interface Parcel {
  readonly url: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

export interface Forwarder {
  /** Takes a parcel and returns at once; `done` resolves when it was delivered, dropped or queued for later. */
  send(parcel: Parcel): { readonly done: Promise<void> };
  /** Resolves when each parcel on the way has been answered and each waiting one was tried once more. */
  flush(): Promise<void>;
}

export interface ForwarderOptions {
  /** Secret headers of the collector; the browser never sees them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly warn: (text: string) => void;
  /** What may wait while the collector is down; beyond it the oldest go. */
  readonly queueMaxBytes?: number;
  readonly timeoutMs?: number;
  readonly retryDelayMs?: number;
}

const RETRYABLE = new Set([429, 502, 503, 504]);
const MAX_RETRY_DELAY_MS = 30_000;

/** Posts the browser's data to the collector, keeping a bounded queue while it is down. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const { queueMaxBytes = 8 * 1024 * 1024, timeoutMs = 10_000, retryDelayMs = 1000 } = options;
  const waiting: Parcel[] = [];
  const underway = new Set<Promise<void>>();
  let waitingBytes = 0;
  let delayMs = retryDelayMs;
  let timer: NodeJS.Timeout | undefined;

  const wait = (parcel: Parcel, reason: string): void => {
    waiting.push(parcel);
    waitingBytes += parcel.body.byteLength;
    let dropped = 0;
    while (waitingBytes > queueMaxBytes) {
      waitingBytes -= waiting.shift()?.body.byteLength ?? 0;
      dropped += 1;
    }
    options.warn(
      `the collector at ${parcel.url} does not take the browser's data: ${reason}; ${waiting.length} posts wait${dropped > 0 ? `, ${dropped} dropped` : ""}. Start it or correct OTEL_EXPORTER_OTLP_ENDPOINT.`,
    );
    if (timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      delayMs = Math.min(delayMs * 2, MAX_RETRY_DELAY_MS);
      retry();
    }, delayMs);
    // A collector that is down must not keep the process alive.
    timer.unref();
  };

  const deliver = async (parcel: Parcel): Promise<void> => {
    try {
      const status = await post(parcel, options.headers, timeoutMs);
      if (RETRYABLE.has(status)) return wait(parcel, `status ${status}`);
      delayMs = retryDelayMs;
      if (status >= 400) {
        options.warn(
          `the collector at ${parcel.url} refused the browser's data with status ${status}; it is dropped.`,
        );
      }
    } catch (error) {
      wait(parcel, error instanceof Error ? error.message || error.name : String(error));
    }
  };

  const send = (parcel: Parcel): { readonly done: Promise<void> } => {
    const done = deliver(parcel).finally(() => underway.delete(done));
    underway.add(done);
    return { done };
  };

  const retry = (): void => {
    waitingBytes = 0;
    for (const parcel of waiting.splice(0)) send(parcel);
  };

  return {
    send,
    async flush(): Promise<void> {
      retry();
      await Promise.all(underway);
    },
  };
}

// node:http and not fetch: Next.js replaces fetch with one that belongs to the running request and its cache.
function post(parcel: Parcel, headers: Readonly<Record<string, string>>, timeoutMs: number): Promise<number> {
  const send = parcel.url.startsWith("https:") ? httpsRequest : httpRequest;
  return context.with(
    suppressTracing(context.active()),
    () =>
      new Promise<number>((resolve, reject) => {
        const request = send(parcel.url, {
          method: "POST",
          signal: AbortSignal.timeout(timeoutMs),
          headers: {
            ...headers,
            "content-type": parcel.contentType,
            "content-length": parcel.body.byteLength,
          },
        });
        request.once("error", reject);
        request.once("response", (response) => {
          response.once("error", reject);
          response.once("end", () => resolve(response.statusCode ?? 0));
          response.resume();
        });
        request.end(parcel.body);
      }),
  );
}
