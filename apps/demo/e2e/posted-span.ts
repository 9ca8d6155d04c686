import type { Page, Request } from "@playwright/test";

/** A span as OTLP/JSON has it. */
export interface PostedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events?: readonly { readonly name: string }[];
}

/** The next span of this name that the page sends. */
export async function postedSpan(page: Page, name: string): Promise<PostedSpan> {
  const post = await page.waitForRequest((request) => spansIn(request).some((span) => span.name === name));
  const span = spansIn(post).find((posted) => posted.name === name);
  if (!span) throw new Error(`no span ${name} in the post that has one`);
  return span;
}

/** What a request exports; nothing where it is none of the tracing's. */
export function spansIn(request: Request): readonly PostedSpan[] {
  return request.url().endsWith("/v1/traces") ? spansInPost(request.postData() ?? "{}") : [];
}

export function spansInPost(text: string): readonly PostedSpan[] {
  const body = JSON.parse(text) as {
    readonly resourceSpans?: readonly {
      readonly scopeSpans: readonly { readonly spans: readonly PostedSpan[] }[];
    }[];
  };
  return (body.resourceSpans ?? []).flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}
