import type { SpansEvent } from "@throughline/core";
import { SAFE_HEADERS } from "./json-response.ts";

export interface EventStreams {
  /** A new stream of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
  open(): Response;
  send(event: SpansEvent): void;
  close(): void;
}

const HEARTBEAT_MS = 15_000;
/** Events that may wait for a reader before it is taken for gone. */
const MAX_WAITING = 1000;

/** The readers of `GET /api/stream`. */
export function createEventStreams(): EventStreams {
  const readers = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const encoder = new TextEncoder();
  let heartbeat: NodeJS.Timeout | undefined;

  const drop = (reader: ReadableStreamDefaultController<Uint8Array>): void => {
    readers.delete(reader);
    if (readers.size > 0) return;
    clearInterval(heartbeat);
    heartbeat = undefined;
  };
  const write = (text: string): void => {
    const bytes = encoder.encode(text);
    for (const reader of readers) {
      reader.enqueue(bytes);
      if ((reader.desiredSize ?? 0) > -MAX_WAITING) continue;
      drop(reader);
      reader.close();
    }
  };

  return {
    open() {
      let own: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          own = controller;
          readers.add(controller);
          controller.enqueue(encoder.encode(": hello\n\n"));
          heartbeat ??= setInterval(() => write(": beat\n\n"), HEARTBEAT_MS).unref();
        },
        cancel() {
          if (own) drop(own);
        },
      });
      return new Response(body, { headers: { ...SAFE_HEADERS, "content-type": "text/event-stream" } });
    },
    send(event) {
      write(`event: spans\ndata: ${JSON.stringify(event)}\n\n`);
    },
    close() {
      for (const reader of [...readers]) {
        drop(reader);
        reader.close();
      }
    },
  };
}
