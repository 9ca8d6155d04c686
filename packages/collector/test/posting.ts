import { type Collector, type CollectorOptions, createCollector } from "../src/collector.ts";

export const TRACE = "0af7651916cd43dd8448eb211c80319c";
export const SPAN = "b7ad6b7169203331";
export const JSON_TYPE = { "content-type": "application/json" };

/** An OTLP/JSON export of these spans, of the service `shop`. */
export function traces(...spans: readonly object[]): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
        scopeSpans: [{ spans: spans.map((span) => ({ traceId: TRACE, spanId: SPAN, name: "x", ...span })) }],
      },
    ],
  });
}

let current: Collector = createCollector();

/** A new collector without a port for what is asked next: `beforeEach(() => restart())`. */
export function restart(options?: CollectorOptions): void {
  current = createCollector(options);
}

export const collector = (): Collector => current;

export const stored = (): number => current.store.stats().spans;

export function request(path: string, init: RequestInit = {}): Promise<Response> {
  return current.handle(new Request(`http://localhost:4318${path}`, init));
}

export function post(
  body: NonNullable<RequestInit["body"]> | null,
  headers: Record<string, string> = JSON_TYPE,
  path = "/v1/traces",
): Promise<Response> {
  return request(path, { method: "POST", headers, body });
}
