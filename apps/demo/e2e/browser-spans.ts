import { expect, type Page } from "@playwright/test";

/** A span as the page posts it. */
export interface BrowserSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly kind: number;
  readonly name: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly attributes?: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string };
  }[];
}

/** How a request came to its click: by what the code knew, by a guess that says so, not at all, or to another's. */
export type Outcome = "exact" | "inferred" | "root" | "WRONG";

/** As OTLP numbers it. */
const CLIENT = 3;

/** What the page exports from now on, as it leaves the page. */
export function collectSpans(page: Page): readonly BrowserSpan[] {
  const spans: BrowserSpan[] = [];
  page.on("request", (request) => {
    if (!request.url().endsWith("/v1/traces")) return;
    const body = request.postDataJSON() as {
      resourceSpans: { scopeSpans: { spans: BrowserSpan[] }[] }[];
    };
    for (const { scopeSpans } of body.resourceSpans)
      for (const scope of scopeSpans) spans.push(...scope.spans);
  });
  return spans;
}

/** The spans of the requests whose path is, or with a `-` at its end begins with, this one. */
export function requestsTo(spans: readonly BrowserSpan[], path: string): readonly BrowserSpan[] {
  return spans.filter((span) => {
    const url = textOf(span, "url.full");
    // The page's own document has the address of a request too.
    if (!url || span.kind !== CLIENT) return false;
    const { pathname } = new URL(url);
    return path.endsWith("-") ? pathname.startsWith(path) : pathname === path;
  });
}

/** Waits for this many of them. */
export async function awaitRequests(
  spans: readonly BrowserSpan[],
  path: string,
  count: number,
): Promise<readonly BrowserSpan[]> {
  await expect
    .poll(() => requestsTo(spans, path).length, { message: `spans of requests to ${path}` })
    .toBe(count);
  return requestsTo(spans, path);
}

/** Follows the parents up to the click the request began in. */
export async function outcomeOf(
  span: BrowserSpan | undefined,
  owner: string | undefined,
  spans: readonly BrowserSpan[],
): Promise<Outcome> {
  expect(owner, "the click's span").toMatch(/^[0-9a-f]{16}$/);
  let current = span;
  let inferred = false;
  while (current?.parentSpanId) {
    inferred ||= textOf(current, "throughline.parent") === "inferred";
    if (current.parentSpanId === owner) return inferred ? "inferred" : "exact";
    const { parentSpanId } = current;
    await expect.poll(() => spans.some(({ spanId }) => spanId === parentSpanId)).toBe(true);
    current = spans.find(({ spanId }) => spanId === parentSpanId);
  }
  return current === span ? "root" : "WRONG";
}

export function textOf(span: BrowserSpan, key: string): string | undefined {
  return span.attributes?.find((attribute) => attribute.key === key)?.value.stringValue;
}
