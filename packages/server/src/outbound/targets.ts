import { type UrlPrefix, underPrefix } from "@throughline/core";

export interface TargetRules {
  /** Requests below these are left alone: no span, no header. */
  readonly ignoreUrls: readonly UrlPrefix[];
  /** Exact origins that may receive the context; `undefined`: every one, without its baggage. */
  readonly propagateTo: readonly string[] | undefined;
}

/** What the rules say about an origin, worked out once. */
export interface Target {
  readonly origin: string;
  readonly address: string;
  readonly port: number;
  /** May receive `traceparent`. */
  readonly receivesTrace: boolean;
  /** May receive `baggage`. */
  readonly receivesBaggage: boolean;
  /** Paths on it that are left alone. */
  readonly ignored: readonly UrlPrefix[];
}

/** A request's place: whose it is and where on it. */
export interface Place {
  readonly target: Target;
  readonly path: string;
}

// A crawler meets more origins than a table should hold; it starts anew then.
const MOST_ORIGINS = 1_000;

/** Finds what the rules say about a request; `undefined` where it is to be left alone. */
export function createTargets(rules: TargetRules): (origin: string, path: string) => Place | undefined {
  const known = new Map<string, Target | undefined>();

  function read(text: string): Target | undefined {
    if (!URL.canParse(text)) return undefined;
    const { origin, hostname, port, protocol } = new URL(text);
    const listed = rules.propagateTo?.includes(origin);
    return {
      origin,
      address: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
      receivesTrace: listed ?? true,
      receivesBaggage: listed ?? false,
      ignored: rules.ignoreUrls.filter((prefix) => prefix.origin === undefined || prefix.origin === origin),
    };
  }

  function targetOf(origin: string): Target | undefined {
    const found = known.get(origin);
    if (found !== undefined || known.has(origin)) return found;
    if (known.size >= MOST_ORIGINS) known.clear();
    const target = read(origin);
    known.set(origin, target);
    return target;
  }

  return (origin, path) => {
    // A request that goes through a proxy names its whole URL where others name a path.
    const url = isAbsolute(path) && URL.canParse(path) ? new URL(path) : undefined;
    const target = targetOf(url?.origin ?? origin);
    if (!target) return undefined;
    const place = { target, path: url ? url.pathname + url.search : path };
    return target.ignored.some((prefix) => underPrefix(prefix, target.origin, place.path))
      ? undefined
      : place;
  };
}

function isAbsolute(path: string): boolean {
  return !path.startsWith("/") && /^https?:\/\//i.test(path);
}
