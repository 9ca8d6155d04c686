import { traceparentIn } from "./ask-app.ts";

export interface PageRequest {
  readonly url: string;
  /** The origin that it was led on to, where that is another: the address may be a secret, as those that are signed. */
  readonly ledTo?: string | undefined;
  /** 0: there was no answer. */
  readonly status: number;
  /** As the browser says it: `net::ERR_BLOCKED_BY_CLIENT`. */
  readonly error?: string | undefined;
  /** https://chromedevtools.github.io/devtools-protocol/tot/Network/#type-BlockedReason */
  readonly blocked?: string | undefined;
  /** https://chromedevtools.github.io/devtools-protocol/tot/Network/#type-CorsError */
  readonly cors?: string | undefined;
}

/** As much of Playwright's `CDPSession` as is needed. */
export interface DevTools {
  send(method: "Network.enable"): Promise<unknown>;
  on(event: string, listener: (told: never) => void): unknown;
}

export interface Watched extends PageRequest {
  readonly origin: string;
  /** That it left with. */
  readonly traceparent: string | undefined;
  /** That its answer's `Server-Timing` names. */
  readonly returned?: string | undefined;
}

type Headers = Readonly<Record<string, string>>;

interface Sent {
  readonly requestId: string;
  readonly request: { readonly method: string; readonly url: string; readonly headers: Headers };
}

interface Answered {
  readonly requestId: string;
  readonly response: { readonly status: number; readonly headers: Headers };
}

interface Failed {
  readonly requestId: string;
  readonly errorText: string;
  readonly blockedReason?: string;
  readonly corsErrorStatus?: { readonly corsError: string; readonly failedParameter?: string };
}

/** Chromium's own account of each request: Playwright's says less of those that were blocked. */
export function watchRequests(tools: DevTools): {
  readonly started: Promise<unknown>;
  readonly requests: () => readonly Watched[];
} {
  const byId = new Map<string, Watched>();
  const add = (requestId: string, more: Partial<Watched>): void => {
    const watched = byId.get(requestId);
    if (watched) byId.set(requestId, { ...watched, ...more });
  };
  tools.on("Network.requestWillBeSent", ({ requestId, request: { method, url, headers } }: Sent) => {
    // A preflight is answered for itself.
    if (method === "OPTIONS") return;
    const origin = URL.canParse(url) ? new URL(url).origin : "";
    // Where it is led to, a request keeps its id; what counts is what was asked for.
    const before = byId.get(requestId);
    const asked = before ?? { url, origin };
    const ledTo = origin === asked.origin ? undefined : origin;
    // The header goes along, and is not told of a request that has not left for its preflight.
    const traceparent = headerOf(headers, "traceparent") ?? before?.traceparent;
    byId.set(requestId, { ...asked, ledTo, status: 0, traceparent });
  });
  tools.on("Network.responseReceived", ({ requestId, response: { status, headers } }: Answered) =>
    add(requestId, { status, returned: traceparentIn(headerOf(headers, "server-timing")) }),
  );
  tools.on(
    "Network.loadingFailed",
    ({ requestId, errorText, blockedReason, corsErrorStatus: cors }: Failed) =>
      add(requestId, {
        error: errorText,
        blocked: blockedReason,
        cors: cors && [cors.corsError, cors.failedParameter].filter(Boolean).join(" "),
      }),
  );
  return { started: tools.send("Network.enable"), requests: () => [...byId.values()] };
}

/** What is told of a request. */
export function requestOf({ url, ledTo, status, error, blocked, cors }: Watched): PageRequest {
  return { url, ledTo, status, error, blocked, cors };
}

function headerOf(headers: Headers, name: string): string | undefined {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}
