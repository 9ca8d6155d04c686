import { type Context, createContextKey, type Link, type SpanContext } from "@opentelemetry/api";
import { warnOnce } from "../log.ts";
import { hostsAsked } from "../requests/request-address.ts";

export interface CallerTrust {
  /**
   * Whether a caller's trace is not continued: another site's page sent it, or too many requests name it. One that is
   * only looked at is not counted among them.
   */
  isForeign(
    read: (header: string) => string | undefined,
    traceId: string | undefined,
    isLookedAt?: boolean,
  ): boolean;
}

export interface TrustOptions {
  /** Exact origins whose pages are trusted besides the app's own. */
  readonly origins: readonly string[];
  /** Whether this trace is the one of the request being served: Next.js reads its own header again behind proxy.ts. */
  readonly isOwn: (traceId: string) => boolean;
  /** How many requests may name one trace. */
  readonly requestsPerTrace?: number;
}

/** One page's trace seldom asks more often; a script that sends one id for ever would make a trace without end. */
const REQUESTS_PER_TRACE = 50;
const REMEMBERED_TRACES = 2_000;

const CALLER = createContextKey("throughline foreign caller");

/**
 * Who may continue a trace: pages of the app's own origin and of the listed ones, and what is no page, because a script
 * outside a browser cannot be told from a friend. https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
export function createCallerTrust(options: TrustOptions): CallerTrust {
  const limit = options.requestsPerTrace ?? REQUESTS_PER_TRACE;
  const isWithinLimit = createCounter(limit);
  return {
    isForeign(read, traceId, isLookedAt = false) {
      if (traceId !== undefined && options.isOwn(traceId)) return false;
      if (isOtherSite(read, options.origins)) return true;
      if (traceId === undefined || isWithinLimit(traceId, isLookedAt)) return false;
      warnOnce(
        `trace ${traceId} came with more than ${limit} requests; those after them start traces of their own, linked to it. Where callers can be trusted, register({ trust: "all" }).`,
        "trace limit",
      );
      return true;
    },
  };
}

function isOtherSite(read: (header: string) => string | undefined, origins: readonly string[]): boolean {
  const site = read("sec-fetch-site");
  if (site === "same-origin" || site === "none") return false;
  const origin = read("origin");
  if (origin !== undefined && origins.includes(origin)) return false;
  if (site !== undefined) return true;
  // A browser over plain http sends no Sec-Fetch-Site.
  if (origin === undefined) return false;
  const host = URL.canParse(origin) ? new URL(origin).host : undefined;
  if (host === undefined) return true;
  // `Forwarded` does not count: many proxies that set the others pass on what the caller wrote there.
  return !hostsAsked({ host: read("host"), "x-forwarded-host": read("x-forwarded-host") }).includes(host);
}

/** Counts what it is asked for, and forgets what was not asked for in a long time. */
function createCounter(limit: number): (key: string, isLookedAt: boolean) => boolean {
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  return (key, isLookedAt) => {
    const count = (young.get(key) ?? old.get(key) ?? 0) + 1;
    if (isLookedAt) return count <= limit;
    young.set(key, count);
    if (young.size >= REMEMBERED_TRACES) {
      old = young;
      young = new Map();
    }
    return count <= limit;
  };
}

/** The context of a request whose caller is remembered and not continued. */
export function callerInstead(context: Context, caller: SpanContext): Context {
  return context.setValue(CALLER, caller);
}

/** The link from a new root to the caller that it does not continue. */
export function callerLinks(context: Context): Link[] {
  const caller = context.getValue(CALLER) as SpanContext | undefined;
  return caller ? [{ context: caller }] : [];
}
