import type { IncomingLink, SpanLink, TraceDocument } from "@throughline/core";
import { element } from "../dom.ts";
import { attributeTable } from "./attribute-table.ts";
import { section } from "./detail-section.ts";

const MAX_INCOMING = 50;

/** Where the links of the span lead. */
export function linkSection(
  links: readonly SpanLink[],
  targets: TraceDocument["linkTargets"] = [],
): HTMLElement[] {
  if (links.length === 0) return [];
  const rows = links.map((link) => {
    const entries = Object.entries(link.attributes);
    const target = targets.find(({ traceId, spanId }) => traceId === link.traceId && spanId === link.spanId);
    const name = target && `${target.label} · ${target.service}`;
    return element(
      "li",
      {},
      spanLink(name ?? `${link.traceId} · ${link.spanId}`, link),
      entries.length === 0 ? undefined : attributeTable(entries),
    );
  });
  return [section("Links", element("ul", { class: "links" }, ...rows))];
}

/** Which spans of other traces have a link to the span. */
export function linkedFromSection(links: readonly IncomingLink[]): HTMLElement[] {
  if (links.length === 0) return [];
  const rows = links
    .slice(0, MAX_INCOMING)
    .map((link) => element("li", {}, spanLink(`${link.label} · ${link.service}`, link)));
  const left = links.length - rows.length;
  const more = left > 0 ? element("p", { text: `and ${left} more` }) : undefined;
  return [section("Linked from", element("ul", { class: "links" }, ...rows), more)];
}

function spanLink(text: string, { traceId, spanId }: Pick<SpanLink, "traceId" | "spanId">): HTMLElement {
  const href = `/trace/${encodeURIComponent(traceId)}?span=${encodeURIComponent(spanId)}`;
  return element("a", { class: "link", text, title: `${traceId} · ${spanId}`, attributes: { href } });
}
