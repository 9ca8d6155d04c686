import type { CollectorStats } from "@throughline/core";
import { button, element } from "./dom.ts";
import { counted, formatCount } from "./format.ts";
import { icon } from "./icons.ts";
import { createKeyHelp } from "./key-help.ts";
import type { LiveState } from "./live.ts";

export interface Header {
  readonly element: HTMLElement;
  showStats(stats: CollectorStats): void;
  showConnection(state: LiveState): void;
}

const CONNECTION = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost, retrying",
} as const;

/** The bar on top of every page: brand, what the collector holds, whether the page hears from it. */
export function createHeader(): Header {
  const stats = element("span", { class: "stats" });
  const refused = element("span", { class: "badge tone-warning" });
  refused.hidden = true;
  const dropped = element("span", { class: "badge tone-warning" });
  dropped.hidden = true;
  const connection = element("span", { class: "connection", attributes: { role: "status" } });
  const help = createKeyHelp();
  const mark = element("img", { class: "mark", attributes: { src: "/assets/mark.svg", alt: "" } });
  return {
    element: element(
      "header",
      { class: "header" },
      button({ class: "button skip", text: "Skip to the content", onClick: skip }),
      element("a", { class: "brand", attributes: { href: "/" } }, mark, "Throughline"),
      element("span", { class: "spring" }),
      refused,
      dropped,
      stats,
      connection,
      button({ class: "button quiet", label: "Keyboard shortcuts", text: "?", onClick: help.open }),
      help.element,
    ),
    showStats(now) {
      stats.textContent = `${counted(now.traces, "trace")} · ${counted(now.spans, "span")}`;
      stats.title = `${now.store === "memory" ? "Kept in memory" : "Kept in SQLite"}; ${counted(now.evictedTraces, "older trace")} evicted`;
      refused.hidden = now.rejectedSpans === 0;
      refused.title = "Invalid, or over a limit of the collector";
      refused.replaceChildren(...countOf(now.rejectedSpans, "refused"));
      dropped.hidden = now.droppedBySenders === 0;
      dropped.title = "While this collector was away or could not keep up; the senders' logs say more";
      dropped.replaceChildren(...countOf(now.droppedBySenders, "dropped by senders"));
    },
    showConnection(state) {
      connection.className = `connection is-${state}`;
      connection.replaceChildren(element("span", { class: "lamp" }), CONNECTION[state]);
    },
  };
}

// Past everything that is above them, to the traces or the spans.
function skip(): void {
  const main = document.querySelector("main");
  const content =
    main?.querySelector<HTMLElement>(".waterfall, .trace-row") ?? main?.querySelector("button, a");
  content?.focus();
}

// A narrow window keeps only the number.
function countOf(count: number, what: string): readonly (Node | string)[] {
  const words = ` span${count === 1 ? "" : "s"} ${what}`;
  return [icon("alert"), formatCount(count), element("span", { class: "badge-word", text: words })];
}
