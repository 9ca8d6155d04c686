import type { SpansEvent, TraceList, TraceSummary } from "@throughline/core";
import type { ListQuery } from "./collector-api.ts";
import { button, element, isTyping } from "./dom.ts";
import { firstSteps, nothingMatches, notice } from "./empty-state.ts";
import { createListRow, fullBarMs, type ListRow } from "./list-row.ts";
import { isFiltered, PAGE_SIZE, parseListState, printListUrl } from "./list-state.ts";
import { createListToolbar } from "./list-toolbar.ts";
import { createRefresher } from "./refresher.ts";
import type { View, ViewTools } from "./view.ts";

const REFRESH_GAP_MS = 250;
const CLOCK_MS = 5000;

/** The live list of traces, newest first. */
export function createListView(tools: ViewTools, url: URL): View {
  let state = parseListState(url.searchParams);
  let paused = false;
  const missed = new Set<string>();
  const services = new Set<string>();
  const rows = createRows(tools.colourOf);
  const body = element("div", { class: "list-body" });
  const refresher = createRefresher(load, REFRESH_GAP_MS);

  const toolbar = createListToolbar({
    onFilter: (change) => filter({ ...change, limit: PAGE_SIZE }),
    onTraceId: (traceId) => tools.open(`/trace/${traceId}`),
    onPause: () => setPaused(!paused),
    onClear: () => void tools.api.clearTraces().then(() => refresher.now(), showFailure),
  });

  function filter(change: Partial<ListQuery>): void {
    state = { ...state, ...change };
    tools.writeUrl(printListUrl(state), "replace");
    refresher.now();
  }

  function setPaused(on: boolean): void {
    paused = on;
    missed.clear();
    toolbar.showPaused(paused, 0);
    if (!on) refresher.now();
  }

  async function load(signal: AbortSignal): Promise<void> {
    try {
      show(await tools.api.listTraces(state, signal));
    } catch (error) {
      if (!signal.aborted) showFailure(error);
    }
  }

  function show({ traces }: TraceList): void {
    for (const trace of traces) for (const service of trace.services) services.add(service);
    if (state.service !== "") services.add(state.service);
    toolbar.show(state, [...services].sort());
    if (traces.length === 0) {
      const reset = (): void => filter({ q: "", service: "", errors: false });
      body.replaceChildren(isFiltered(state) ? nothingMatches(reset) : firstSteps(location.origin));
      return;
    }
    rows.show(traces);
    const more = button({
      class: "button more",
      text: "Show more",
      onClick: () => filter({ limit: state.limit + PAGE_SIZE }),
    });
    const wanted = [listHead(), rows.element, ...(traces.length < state.limit ? [] : [more])];
    if (body.firstElementChild?.nextElementSibling === rows.element) {
      for (const extra of [...body.children].slice(2)) extra.remove();
      body.append(...wanted.slice(2));
    } else body.replaceChildren(...wanted);
  }

  function showFailure(error: unknown): void {
    // Rows that are there stay readable; the header says that the connection is lost.
    if (body.contains(rows.element)) return;
    body.replaceChildren(notice("The collector does not answer", String(error)));
  }

  const onKey = (event: KeyboardEvent): void => listKey(event, toolbar.search, rows.element);
  const clock = setInterval(() => rows.tick(), CLOCK_MS);
  document.addEventListener("keydown", onKey);
  tools.setTitle("Traces");
  toolbar.show(state, [...services]);
  toolbar.showPaused(false, 0);
  refresher.now();
  return {
    element: element("main", { class: "list-view" }, toolbar.element, body),
    onSpans(event: SpansEvent) {
      if (!paused) return refresher.request();
      for (const traceId of event.traceIds) missed.add(traceId);
      toolbar.showPaused(true, missed.size);
    },
    onReconnect: () => (paused ? undefined : refresher.now()),
    onUrl(next) {
      if (next.pathname !== "/") return false;
      state = parseListState(next.searchParams);
      refresher.now();
      return true;
    },
    stop() {
      clearInterval(clock);
      document.removeEventListener("keydown", onKey);
      refresher.stop();
    },
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
      const full = fullBarMs(traces.map((trace) => trace.durationMs));
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

function listKey(event: KeyboardEvent, search: HTMLInputElement, list: HTMLElement): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (event.key === "/") {
    event.preventDefault();
    search.focus();
    search.select();
    return;
  }
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const links = [...list.querySelectorAll<HTMLElement>("a.trace-row")];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = links[Math.max(0, Math.min(links.length - 1, at + step))];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
