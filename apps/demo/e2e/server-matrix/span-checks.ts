import { expect } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { oldNamesIn } from "../old-names.ts";
import type { Case } from "./case.ts";
import type { Combination } from "./combinations.ts";

interface Claim {
  readonly each: Case;
  readonly method: string;
  readonly title: string;
  readonly combination: Combination;
}

/** What a SERVER span says about its request, by the stable conventions. */
export function expectServerSpan(server: SpanJson, { each, method, title, combination }: Claim): void {
  const { basePath, trailingSlash } = combination;
  const path = `${basePath ? "/base" : ""}${each.path.split("?", 1)[0]}${trailingSlash ? "/" : ""}`;
  const { attributes } = server;
  const said = {
    "http.request.method": attributes["http.request.method"],
    "http.response.status_code": attributes["http.response.status_code"],
    "http.route": attributes["http.route"],
    "url.path": attributes["url.path"],
    "url.scheme": attributes["url.scheme"],
  };
  expect.soft(said, `attributes of ${title}`).toEqual({
    "http.request.method": method,
    "http.response.status_code": each.status,
    "http.route": each.route,
    "url.path": path,
    "url.scheme": "http",
  });
  expect.soft(durationMs(server), `duration of ${title}`).toBeGreaterThanOrEqual(each.minMs ?? 0);
}

/** True of every trace: stable names only, and nothing outlives what it is part of. */
export function expectWellFormed(
  spans: readonly SpanJson[],
  { title, later }: { readonly title: string; readonly later: readonly string[] },
): void {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect.soft(oldNamesIn(spans), `old attributes of ${title}`).toEqual([]);
  const outliving = spans.filter((span) => {
    const parent = byId.get(span.parentSpanId ?? "");
    return parent && !later.includes(span.name) && BigInt(span.endUnixNano) > BigInt(parent.endUnixNano);
  });
  const overrun = outliving.map((span) => {
    const parent = byId.get(span.parentSpanId ?? "");
    const ms = Number(BigInt(span.endUnixNano) - BigInt(parent?.endUnixNano ?? 0)) / 1e6;
    return `${span.name} ends ${ms} ms after ${parent?.name}`;
  });
  expect.soft(overrun, `children of ${title}`).toEqual([]);
}

export function durationMs({ startUnixNano, endUnixNano }: SpanJson): number {
  return Number(BigInt(endUnixNano) - BigInt(startUnixNano)) / 1e6;
}
