import type { TraceList } from "@throughline/core";
import { type ListQuery, MAX_LISTED } from "../collector-api.ts";
import { element, isTyping } from "../dom.ts";
import { createRefresher } from "../refresher.ts";
import type { View, ViewTools } from "../view.ts";
import { createListBody } from "./list-body.ts";
import { PAGE_SIZE, parseListState, printListUrl } from "./list-state.ts";
import { createListToolbar } from "./list-toolbar.ts";

const REFRESH_GAP_MS = 250;
const CLOCK_MS = 5000;

/** The live list of traces, newest first. */
export function createListView(tools: ViewTools, url: URL): View {
  let state = parseListState(url.searchParams);
  let paused = false;
  const missed = new Set<string>();
  const services = new Set<string>();
  const refresher = createRefresher(load, REFRESH_GAP_MS);
  const body = createListBody(tools, {
    onReset: () => filter({ q: "", service: "", errors: false, minMs: 0 }),
    onMore: () => filter({ limit: Math.min(state.limit + PAGE_SIZE, MAX_LISTED) }),
  });
  const toolbar = createListToolbar({
    onFilter: (change) => filter({ ...change, limit: PAGE_SIZE }),
    onTraceId: (traceId) => tools.open(`/trace/${traceId}`),
    onPause: () => setPaused(!paused),
    onClear: () => void tools.api.clearTraces().then(refresher.now, fail),
  });
  const fail = (error: unknown): void => body.showFailure(error, state);

  function filter(change: Partial<ListQuery>): void {
    state = { ...state, ...change };
    tools.writeUrl(printListUrl(state));
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
      const { traces } = await tools.api.listTraces(state, signal);
      toolbar.show(state, noteServices(services, traces, state));
      body.show(traces, state);
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  }

  const onKey = (event: KeyboardEvent): void => listKey(event, toolbar.search, body.element);
  const clock = setInterval(body.tick, CLOCK_MS);
  document.addEventListener("keydown", onKey);
  tools.setTitle("Traces");
  toolbar.show(state, []);
  setPaused(false);
  return {
    element: pageOf(toolbar.element, body.element),
    onSpans: ({ traceIds }) =>
      paused ? toolbar.showPaused(true, addAll(missed, traceIds)) : refresher.request(),
    onReconnect: () => (paused ? undefined : refresher.now()),
    onUrl(next) {
      if (next.pathname !== "/") return false;
      state = parseListState(next.searchParams);
      refresher.now();
      return true;
    },
    stop() {
      tools.leaveList(body.place(state));
      clearInterval(clock);
      document.removeEventListener("keydown", onKey);
      refresher.stop();
    },
  };
}

function pageOf(...parts: readonly HTMLElement[]): HTMLElement {
  const title = element("h1", { class: "only-heard", text: "Traces" });
  return element("main", { class: "list-view" }, title, ...parts);
}

function addAll(set: Set<string>, more: readonly string[]): number {
  for (const one of more) set.add(one);
  return set.size;
}

// A filtered answer names fewer services than the menu should offer, so what was seen stays.
function noteServices(known: Set<string>, traces: TraceList["traces"], state: ListQuery): readonly string[] {
  for (const trace of traces) for (const service of trace.services) known.add(service);
  if (state.service !== "") known.add(state.service);
  return [...known].sort();
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
