import type { Page } from "@playwright/test";
import { FLUSH_TOKEN_HEADER, TEST_GLOBAL } from "@throughline/core/attributes";
import type { SettleReport } from "./evidence.ts";
import { reasonOf } from "./reason.ts";
import type { WireLog } from "./wire.ts";

export interface SettleDependencies {
  /** Every page of the contexts that are watched. */
  readonly pages: () => readonly Page[];
  readonly wire: Pick<WireLog, "position" | "inFlight" | "onChange">;
  /** Empty: the server is not asked. */
  readonly flushToken: string;
}

/** What the page's tracer put on the test global; see `startWebTracing`. */
interface PageHook {
  readonly flush?: () => Promise<void>;
  readonly endpoint?: string;
}

type PageFlush =
  | { readonly state: "flushed"; readonly endpoint: string | undefined; readonly address: string }
  | { readonly state: "no tracer" | "no answer" };

/**
 * Waits until nothing of these pages is on the wire, then makes the browser and the app's server send what
 * they hold. A flush is a barrier because the collector stores before it answers.
 */
export async function settle(
  { pages: openPages, wire, flushToken }: SettleDependencies,
  deadlineMs: number,
): Promise<SettleReport> {
  const startedAt = performance.now();
  // Whole milliseconds: AbortSignal.timeout refuses fractions.
  const left = (): number => Math.max(1, Math.ceil(deadlineMs - (performance.now() - startedAt)));
  // Half of the time at most: a request that hangs must not keep the spans that are ready.
  await wireIdle(wire, left() / 2);
  const wirePosition = wire.position();
  const pages = openPages().filter((page) => isTraceable(page));
  const flushes = await Promise.all(pages.map((page) => within(flushPage(page), left(), NO_ANSWER)));
  const urls = new Set(flushes.flatMap((flush) => flushUrlOf(flush)));
  const server = await flushServers([...urls], flushToken, left);
  return {
    wirePosition,
    busy: wire.inFlight().map((entry) => entry.url),
    flushedPages: flushes.filter((flush) => flush.state === "flushed").length,
    unflushedPages: pages.flatMap((page, index) => (flushes[index]?.state === "flushed" ? [] : page.url())),
    untracedPages: pages.flatMap((page, index) => (flushes[index]?.state === "no tracer" ? page.url() : [])),
    server,
    elapsedMs: performance.now() - startedAt,
  };
}

function wireIdle(wire: SettleDependencies["wire"], timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (wire.inFlight().length > 0) return;
      done();
    };
    const done = (): void => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    const stop = wire.onChange(check);
    check();
  });
}

async function flushPage(page: Page): Promise<PageFlush> {
  try {
    return await page.evaluate(async (name): Promise<PageFlush> => {
      const readHook = (): PageHook | undefined =>
        (globalThis as unknown as Record<string, PageHook | undefined>)[name];
      if (!readHook()?.flush && document.readyState !== "complete")
        await new Promise((resolve) => addEventListener("load", resolve, { once: true }));
      const hook = readHook();
      // `RUNNING` of @throughline/web is there where consent is denied too, and stays where tracing was stopped.
      if (!hook?.flush)
        return { state: Symbol.for("throughline.web") in globalThis ? "no answer" : "no tracer" };
      await hook.flush();
      return { state: "flushed", endpoint: hook.endpoint, address: location.href };
    }, TEST_GLOBAL);
  } catch {
    // The page navigated or closed meanwhile.
    return NO_ANSWER;
  }
}

const NO_ANSWER = { state: "no answer" } as const;

/** Of the ingest route that the page posts to; none of another origin, since the token opens only the page's server. */
function flushUrlOf(flush: PageFlush): readonly string[] {
  if (flush.state !== "flushed" || flush.endpoint === undefined) return [];
  const url = new URL(flush.endpoint, flush.address);
  const traces = /\/v1\/traces(\/?)$/;
  return url.origin === new URL(flush.address).origin && traces.test(url.href)
    ? [url.href.replace(traces, "/flush$1")]
    : [];
}

async function flushServers(
  urls: readonly string[],
  token: string,
  left: () => number,
): Promise<SettleReport["server"]> {
  if (urls.length === 0) return "no flush route";
  if (token === "") return "no token";
  const answers = await Promise.all(urls.map((url) => flushServer(url, token, left())));
  return answers.find((answer) => answer !== "flushed") ?? "flushed";
}

/** What the ingest route of `@throughline/server` means by it. */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  [
    403,
    "the app has another THROUGHLINE_FLUSH_TOKEN than these tests; an app that was running before keeps its own: stop it, and start it with the same one",
  ],
  [
    404,
    "the app was started without THROUGHLINE_FLUSH_TOKEN or without OTEL_ENABLED=true; start it with both, the token being that of these tests",
  ],
]);

// From Node, not from the page: the token never enters a page, and the page's tracer does not see the request.
async function flushServer(url: string, token: string, timeoutMs: number): Promise<SettleReport["server"]> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { [FLUSH_TOKEN_HEADER]: token },
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    if (response.status === 204) return "flushed";
    const why = REFUSALS.get(response.status);
    return `failed: POST ${url} answered ${response.status}${why ? `: ${why}` : ""}`;
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    return `failed: POST ${url}: ${isLate ? `no answer within ${timeoutMs} ms` : reasonOf(error)}`;
  }
}

async function within<T>(work: Promise<T>, timeoutMs: number, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, otherwise);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function isTraceable(page: Page): boolean {
  return !page.isClosed() && page.url().startsWith("http");
}
