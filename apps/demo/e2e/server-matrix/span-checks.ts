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
  expect.soft(spans.flatMap(missingIn), `attributes of the calls of ${title}`).toEqual([]);
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

/** What a CLIENT span of HTTP must say. https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span */
const REQUIRED: Readonly<Record<string, (span: SpanJson) => boolean>> = {
  "http.request.method": ({ attributes }) => /^[A-Z_]+$/.test(String(attributes["http.request.method"])),
  "url.full": ({ attributes }) => URL.canParse(String(attributes["url.full"])),
  "server.address": ({ attributes }) => attributes["server.address"] === urlOf(attributes)?.hostname,
  "server.port": ({ attributes }) => attributes["server.port"] === portOf(urlOf(attributes)),
  // There is none where none came.
  "http.response.status_code": ({ attributes }) =>
    typeof attributes["http.response.status_code"] === "number" || hasEndedEarly(attributes),
  "error.type": ({ attributes, status }) => (status.code === "error") === "error.type" in attributes,
};

function missingIn(span: SpanJson): readonly string[] {
  if (span.kind !== "client" || span.scope.name !== "@throughline/server") return [];
  return Object.entries(REQUIRED).flatMap(([name, holds]) =>
    holds(span) ? [] : [`${name} of ${span.name}: ${JSON.stringify(span.attributes)}`],
  );
}

function hasEndedEarly(attributes: SpanJson["attributes"]): boolean {
  return "error.type" in attributes || attributes["throughline.aborted"] === true;
}

function urlOf(attributes: SpanJson["attributes"]): URL | undefined {
  const url = String(attributes["url.full"]);
  return URL.canParse(url) ? new URL(url) : undefined;
}

function portOf(url: URL | undefined): number {
  return Number(url?.port || (url?.protocol === "https:" ? 443 : 80));
}

export function durationMs({ startUnixNano, endUnixNano }: SpanJson): number {
  return Number(BigInt(endUnixNano) - BigInt(startUnixNano)) / 1e6;
}
