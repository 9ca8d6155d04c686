import type { TraceSummary } from "@throughline/core";
import { type ListQuery, MAX_LISTED } from "../collector-api.ts";
import { button, element } from "../dom.ts";
import { firstSteps, nothingMatches, notice } from "../empty-state.ts";
import { formatCount, workMsOf } from "../format.ts";
import type { ViewTools } from "../view.ts";
import { type ListPlace, readPlace, restorePlace } from "./list-place.ts";
import { createListRow, fullBarMs, type ListRow } from "./list-row.ts";
import { isFiltered, printListUrl } from "./list-state.ts";

export interface ListBody {
  readonly element: HTMLElement;
  show(traces: readonly TraceSummary[], query: ListQuery): void;
  showFailure(error: unknown, query: ListQuery): void;
  /** Lets "12 s ago" move on. */
  tick(): void;
  /** Where the reader is, to come back to. */
  place(query: ListQuery): ListPlace;
}

export interface ListBodyActions {
  onReset(): void;
  onMore(): void;
}

/** The traces, or what is said in their place. */
export function createListBody(
  tools: Pick<ViewTools, "colourOf" | "listPlace">,
  actions: ListBodyActions,
): ListBody {
  const rows = createRows(tools.colourOf);
  const more = button({ class: "button more", text: "Show more", onClick: () => actions.onMore() });
  const end = element("p", {
    class: "list-end",
    text: `These are the newest ${formatCount(MAX_LISTED)} traces; a filter finds the older ones.`,
  });
  const list = element("div", {}, listHead(), rows.element, more, end);
  const body = element("div", { class: "list-body" });
  let shown = "";
  let answered = "";
  let returnTo = tools.listPlace();
  // What is there already keeps its focus and scroll position.
  const put = (name: string, make: () => HTMLElement): void => {
    if (name !== shown) body.replaceChildren(make());
    shown = name;
  };
  return {
    element: body,
    show(traces, query) {
      rows.show(traces);
      answered = printListUrl(query);
      // A full page may have more behind it.
      more.hidden = traces.length < query.limit || query.limit >= MAX_LISTED;
      end.hidden = traces.length < MAX_LISTED;
      if (traces.length > 0) put("list", () => list);
      else if (isFiltered(query)) put(`none ${query.q}`, () => nothingMatches(query.q, actions.onReset));
      else put("first", () => firstSteps(location.origin));
      if (returnTo?.url === printListUrl(query)) restorePlace(body, returnTo);
      returnTo = undefined;
    },
    showFailure(error, query) {
      // Rows that answer this question stay readable; the header says that the connection is lost.
      if (shown === "list" && answered === printListUrl(query)) return;
      put("failure", () => notice("The collector does not answer", String(error)));
    },
    tick: rows.tick,
    place: (query) => readPlace(body, printListUrl(query)),
  };
}

interface Rows {
  readonly element: HTMLOListElement;
  show(traces: readonly TraceSummary[]): void;
  tick(): void;
}

function createRows(colourOf: (service: string) => string): Rows {
  const list = element("ol", { class: "trace-list", attributes: { "aria-label": "Traces, newest first" } });
  const rows = new Map<string, ListRow>();
  return {
    element: list,
    show(traces) {
      const full = fullBarMs(traces.map(workMsOf));
      const kept = new Set(traces.map((trace) => trace.traceId));
      for (const [traceId, row] of rows) {
        if (kept.has(traceId)) continue;
        row.element.remove();
        rows.delete(traceId);
      }
      const first = rows.size === 0;
      const nowMs = Date.now();
      traces.forEach((trace, at) => {
        let row = rows.get(trace.traceId);
        if (!row) {
          row = createListRow(colourOf);
          rows.set(trace.traceId, row);
          if (!first) row.element.classList.add("is-new");
        }
        row.update(trace, full);
        row.tick(nowMs);
        // Moving only what is out of place keeps the focus.
        const there = list.children[at] ?? null;
        if (there !== row.element) list.insertBefore(row.element, there);
      });
    },
    tick() {
      const nowMs = Date.now();
      for (const row of rows.values()) row.tick(nowMs);
    },
  };
}

function listHead(): HTMLElement {
  const titles = ["Trace", "Status", "Services", "Spans", "Duration", "Started"];
  return element(
    "div",
    { class: "trace-head", attributes: { "aria-hidden": "true" } },
    ...titles.map((title) => element("span", { text: title })),
  );
}
