// A page whose network is a function: posts to the ingest route are kept, everything else is answered.
import { startWebTracing, type WebTracing, type WebTracingOptions } from "../src/index.ts";

export interface PostedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly flags: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events?: readonly { readonly name: string; readonly timeUnixNano: string }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly resource: Readonly<Record<string, unknown>>;
  readonly status: { readonly code: number; readonly message?: string };
}

export function lengthMs({ startTimeUnixNano: from, endTimeUnixNano: to }: PostedSpan): number {
  return Number(BigInt(to) - BigInt(from)) / 1e6;
}

export interface SentRequest {
  readonly args: readonly unknown[];
  readonly url: string;
  readonly headers: Headers;
}

export interface FakePage {
  readonly tracing: WebTracing;
  /** The calls that reached the network, without those to the ingest route. */
  readonly sent: readonly SentRequest[];
  /** Everything that was exported so far, after a flush. */
  spans(): Promise<readonly PostedSpan[]>;
  /** What was exported so far, without a flush. */
  posted(): readonly PostedSpan[];
  close(): Promise<void>;
}

const INGEST = "/api/tl/v1/traces";

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

export function openFakePage(
  options: WebTracingOptions = {},
  answer: (url: string, init: RequestInit | undefined) => Response | Promise<Response> = () =>
    new Response("ok"),
  start: (options: WebTracingOptions) => WebTracing = startWebTracing,
): FakePage {
  const native = globalThis.fetch;
  const sent: SentRequest[] = [];
  const bodies: string[] = [];
  globalThis.fetch = async (...args) => {
    const [input, init] = args;
    const url = input instanceof Request ? input.url : new URL(String(input), document.baseURI).href;
    if (url.endsWith(INGEST)) {
      bodies.push(String(init?.body));
      return new Response("{}", { headers: { "content-type": "application/json" } });
    }
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    sent.push({ args, url, headers });
    return answer(url, init);
  };
  const fake = globalThis.fetch;
  const tracing = start(options);
  const posted = () => bodies.flatMap(readBody);
  return {
    tracing,
    sent,
    posted,
    async spans() {
      await tracing.flush();
      return posted();
    },
    async close() {
      await tracing.stop();
      if (globalThis.fetch === fake) globalThis.fetch = native;
    },
  };
}

export function readBody(body: string): readonly PostedSpan[] {
  const request = JSON.parse(body);
  return request.resourceSpans.flatMap((resourceSpans: never) => readResourceSpans(resourceSpans));
}

function readResourceSpans(resourceSpans: {
  resource: { attributes: readonly KeyValue[] };
  scopeSpans: readonly {
    spans: readonly (Omit<PostedSpan, "attributes"> & { attributes?: readonly KeyValue[] })[];
  }[];
}): readonly PostedSpan[] {
  const resource = flat(resourceSpans.resource.attributes);
  return resourceSpans.scopeSpans.flatMap(({ spans }) =>
    spans.map((span) => ({ ...span, resource, attributes: flat(span.attributes ?? []) })),
  );
}

function flat(attributes: readonly KeyValue[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

/** Shows this HTML alone; the element to act on is the one with `data-here`, else the first. */
export function show(html: string): HTMLElement {
  document.body.innerHTML = html;
  const element = document.body.querySelector<HTMLElement>("[data-here]") ?? document.body.firstElementChild;
  if (!(element instanceof HTMLElement)) throw new Error("nothing to click");
  return element;
}

export function named(spans: readonly PostedSpan[], name: string): PostedSpan | undefined {
  return spans.find((span) => span.name === name);
}
