import { parseTraceparent, type TraceContext } from "@throughline/core";
import { STORAGE_PREFIX } from "../identity/page-storage.ts";

/** The server's clock and the browser's need not agree; a cache keeps a document longer than this, or shorter than a visit. */
const FRESH_MS = 60_000;
const REMEMBERED = 20;
const STORED = `${STORAGE_PREFIX}served`;

/** The part of a navigation entry that tells who served the document. */
export interface ServedDocument {
  /** Missing over plain HTTP in Firefox, which keeps it for secure contexts. */
  readonly serverTiming?: readonly { readonly name: string; readonly description: string }[];
  readonly responseStart: number;
  readonly transferSize: number;
  readonly encodedBodySize: number;
  readonly deliveryType?: string;
}

/** Span ids that a document of this browser was served under before. */
export interface ServedBefore {
  has(spanId: string): boolean;
  add(spanId: string): void;
}

export interface ServerSpan extends TraceContext {
  /** `false` where a cache kept the header with the document: another visitor's trace, good for a link. */
  readonly fresh: boolean;
}

/** The SERVER span that a document's `Server-Timing` names, and whether it served this very visit. */
export function readServerSpan(
  served: ServedDocument,
  timeOrigin: number,
  before: ServedBefore,
): ServerSpan | undefined {
  const described = (name: string): string =>
    served.serverTiming?.find((entry) => entry.name === name)?.description ?? "";
  const span = parseTraceparent(described("traceparent"));
  if (!span) return undefined;
  const servedAt = Number(described("tsrv") || Number.NaN);
  const fresh =
    Math.abs(servedAt - (timeOrigin + served.responseStart)) < FRESH_MS &&
    isFromNetwork(served) &&
    !before.has(span.spanId);
  before.add(span.spanId);
  return { ...span, fresh };
}

/**
 * A cached body that the server was asked about (304) also says `cache`, but its header is of this visit; only
 * bytes that came over the network tell the two apart. What a speculation rule fetched ahead says so itself. Firefox,
 * which has no delivery type, counts all bytes when the last has come; until then age and memory have to do.
 */
function isFromNetwork({ transferSize, encodedBodySize, deliveryType }: ServedDocument): boolean {
  const isUnknown = deliveryType === undefined && encodedBodySize === 0;
  return transferSize > 0 || deliveryType === "navigational-prefetch" || isUnknown;
}

/** The last few, in `sessionStorage`; a page that may not store anything remembers nothing. */
export function rememberServed(storage: () => Storage | undefined): ServedBefore {
  const read = (): readonly string[] => storage()?.getItem(STORED)?.split(" ") ?? [];
  return {
    has: (spanId) => read().includes(spanId),
    add(spanId) {
      try {
        const ids = [...read().filter((id) => id !== spanId), spanId];
        storage()?.setItem(STORED, ids.slice(-REMEMBERED).join(" "));
      } catch {
        // Full; the age and the delivery still tell.
      }
    },
  };
}
