import { TEST_GLOBAL } from "@throughline/core/attributes";
import { type DevTools, type PageRequest, requestOf, type Watched, watchRequests } from "./watch-requests.ts";

/** What was seen of a page in a real browser. */
export interface PageLook {
  /** Where the browser ended: elsewhere where somebody asks for a login first. */
  readonly origin: string;
  /** Whether the page is traced. */
  readonly isTraced: boolean;
  /** Where it posts its spans. */
  readonly endpoint?: string | undefined;
  /** Its posts there. */
  readonly posts: readonly PageRequest[];
  /** Requests with a `traceparent` that the browser did not let out or whose answer it kept back. */
  readonly refused: readonly PageRequest[];
  /** What the content security policy has kept the page from. */
  readonly violations: readonly Violation[];
  /** The last request of the page to its own address: the trace it named, and the one that the answer told. */
  readonly join?: { readonly sent: string; readonly returned: string | undefined } | undefined;
}

export interface Violation {
  readonly directive: string;
  readonly blocked: string;
}

/** As much of Playwright's `BrowserContext` and `Page` as is needed: the user's own copy is used, if there is one. */
export interface DrivenPage {
  addInitScript(script: (name: string) => void, name: string): Promise<unknown>;
  goto(url: string, options: { readonly timeout: number }): Promise<unknown>;
  evaluate<A, R>(script: (given: A) => R | Promise<R>, given: A): Promise<R>;
  waitForFunction<A>(
    script: (given: A) => unknown,
    given: A,
    options: { readonly timeout: number },
  ): Promise<unknown>;
  context(): { newCDPSession(page: DrivenPage): Promise<DevTools> };
}

interface PageGlobals {
  [TEST_GLOBAL]?: { readonly id: string; readonly flush?: () => Promise<void>; readonly endpoint?: string };
  throughlineViolations?: Violation[];
}

const LOAD_MS = 30_000;
const START_MS = 5_000;
const FLUSH_MS = 10_000;
const OWN_MS = 15_000;

/**
 * Opens `url` as a test would, so that its session is sampled, has it ask its own server, `requests` times at most, and
 * watches what it sends.
 * @throws when the browser cannot open the page.
 */
export async function lookAtPage(page: DrivenPage, url: string, requests: number): Promise<PageLook> {
  const watch = watchRequests(await page.context().newCDPSession(page));
  await watch.started;
  await page.addInitScript(prepare, TEST_GLOBAL);
  await page.goto(url, { timeout: LOAD_MS });
  const isTraced = await page
    .waitForFunction(isStarted, TEST_GLOBAL, { timeout: START_MS })
    .then(() => true)
    .catch(() => false);
  await within(OWN_MS, page.evaluate(askOwnServer, requests));
  if (isTraced) await within(FLUSH_MS, page.evaluate(flush, TEST_GLOBAL));
  const seen = await page.evaluate(readSeen, TEST_GLOBAL);
  const sent = watch.requests();
  const own = sent.findLast((request) => request.traceparent && request.url === seen.address);
  // One of the page's own origin that was led away may have failed by what the app itself wrote: a router's headers.
  const isRefused = ({ traceparent, cors, origin, ledTo }: Watched): boolean =>
    Boolean(traceparent && cors && (origin !== seen.origin || (ledTo && cors.includes("traceparent"))));
  return {
    origin: seen.origin,
    isTraced,
    endpoint: seen.endpoint,
    posts: sent.filter(({ url: to }) => to === seen.endpoint).map(requestOf),
    refused: sent.filter(isRefused).map(requestOf),
    violations: seen.violations,
    ...(own?.traceparent && { join: { sent: own.traceparent, returned: own.returned } }),
  };
}

// These run in the page.
function prepare(name: string): void {
  const page = globalThis as unknown as Record<string, unknown> & PageGlobals & EventTarget;
  page[name] = { id: "throughline doctor" };
  // Who looks has consented, as far as a banner is concerned; what the app says after that holds.
  (page as unknown as Record<symbol, unknown>)[Symbol.for("throughline.consent")] ??= { answer: "granted" };
  const violations: Violation[] = [];
  page.throughlineViolations = violations;
  page.addEventListener("securitypolicyviolation", (event) => {
    const { effectiveDirective, blockedURI, disposition } = event as unknown as Record<
      "effectiveDirective" | "blockedURI" | "disposition",
      string
    >;
    // A policy that is only reported keeps nothing back.
    if (disposition === "enforce") violations.push({ directive: effectiveDirective, blocked: blockedURI });
  });
}

function isStarted(name: string): boolean {
  return Boolean((globalThis as unknown as PageGlobals)[name as typeof TEST_GLOBAL]?.flush);
}

/** A browser's takes more than Node's. */
type PageFetch = (url: string, init: { readonly cache: "no-store" }) => Promise<Response>;

/** Until a request is in a trace that the server keeps: of a share of a tenth one of ten is. */
async function askOwnServer(most: number): Promise<void> {
  const page = globalThis as unknown as { location: { href: string }; fetch: PageFetch };
  for (let asked = 0; asked < most; asked++) {
    const response = await page.fetch(page.location.href, { cache: "no-store" }).catch(() => undefined);
    await response?.text();
    if (!response || response.headers.get("server-timing")?.includes("traceparent")) return;
  }
}

async function flush(name: string): Promise<void> {
  await (globalThis as unknown as PageGlobals)[name as typeof TEST_GLOBAL]?.flush?.();
}

function readSeen(name: string) {
  const page = globalThis as unknown as PageGlobals & { location: { href: string; origin: string } };
  return {
    address: page.location.href.split("#")[0],
    origin: page.location.origin,
    endpoint: page[name as typeof TEST_GLOBAL]?.endpoint,
    violations: page.throughlineViolations ?? [],
  };
}

/** `undefined` when it takes longer or fails: what was seen until then counts. */
function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  return Promise.race([
    work.catch(() => undefined),
    new Promise<undefined>((resolve) => setTimeout(resolve, ms, undefined).unref()),
  ]);
}
