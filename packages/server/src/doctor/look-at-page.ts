import { TEST_GLOBAL } from "@throughline/core/attributes";
import { errorText } from "../error-text.ts";
import { type DevTools, type PageRequest, requestOf, watchRequests } from "./watch-requests.ts";

/** What was seen of a page in a real browser. */
export interface PageLook {
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
  /** A request of the page to its own server: the trace it named, and the one that the answer told. */
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

/**
 * Opens `url` as a test would, so that its session is sampled, and watches what it sends.
 * @throws when the browser cannot open the page.
 */
export async function lookAtPage(page: DrivenPage, url: string): Promise<PageLook> {
  const watch = watchRequests(await page.context().newCDPSession(page));
  await watch.started;
  await page.addInitScript(prepare, TEST_GLOBAL);
  await page.goto(url, { timeout: LOAD_MS });
  const isTraced = await page
    .waitForFunction(isStarted, TEST_GLOBAL, { timeout: START_MS })
    .then(() => true)
    .catch(() => false);
  // To the page's own address: whatever it answers, a SERVER span has answered it.
  await within(FLUSH_MS, page.evaluate(askOwnServer, undefined));
  const endpoint = isTraced ? await within(FLUSH_MS, page.evaluate(flush, TEST_GLOBAL)) : undefined;
  const violations = (await within(FLUSH_MS, page.evaluate(readViolations, undefined))) ?? [];
  const requests = watch.requests();
  const own = requests.findLast(({ traceparent, origin }) => traceparent && origin === new URL(url).origin);
  return {
    isTraced,
    endpoint,
    posts: requests.filter((request) => request.url === endpoint).map(requestOf),
    refused: requests.filter((request) => request.traceparent && request.cors).map(requestOf),
    violations,
    ...(own?.traceparent && { join: { sent: own.traceparent, returned: own.returned } }),
  };
}

// These five run in the page.
function prepare(name: string): void {
  const page = globalThis as unknown as Record<string, unknown> & PageGlobals & EventTarget;
  page[name] = { id: "throughline doctor" };
  const violations: Violation[] = [];
  page.throughlineViolations = violations;
  page.addEventListener("securitypolicyviolation", (event) => {
    const { effectiveDirective, blockedURI } = event as unknown as Record<
      "effectiveDirective" | "blockedURI",
      string
    >;
    violations.push({ directive: effectiveDirective, blocked: blockedURI });
  });
}

function isStarted(name: string): boolean {
  return Boolean((globalThis as unknown as PageGlobals)[name as typeof TEST_GLOBAL]?.flush);
}

async function askOwnServer(): Promise<void> {
  const { location } = globalThis as unknown as { location: { href: string } };
  await fetch(location.href).then(
    (response) => response.text(),
    () => undefined,
  );
}

async function flush(name: string): Promise<string | undefined> {
  const hook = (globalThis as unknown as PageGlobals)[name as typeof TEST_GLOBAL];
  await hook?.flush?.();
  return hook?.endpoint;
}

function readViolations(): readonly Violation[] {
  return (globalThis as unknown as PageGlobals).throughlineViolations ?? [];
}

/** `undefined` when it takes longer or fails: what was seen until then counts. */
function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  return Promise.race([
    work.catch((error: unknown) => void errorText(error)),
    new Promise<undefined>((resolve) => setTimeout(resolve, ms, undefined).unref()),
  ]);
}
