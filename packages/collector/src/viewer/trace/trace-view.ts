import type { TraceDocument } from "@throughline/core";
import { element, isTyping } from "../dom.ts";
import { notice } from "../empty-state.ts";
import { findTraceId } from "../list/list-state.ts";
import { createRefresher } from "../refresher.ts";
import type { View, ViewTools } from "../view.ts";
import { createFindingsPanel } from "./findings-panel.ts";
import { createMinimap } from "./minimap.ts";
import { createSpanDetail } from "./span-detail.ts";
import { splitter } from "./splitter.ts";
import { createTraceHeader } from "./trace-header.ts";
import { afterKey, choose, nextError, nextMatch, nextProblem, toggle, toggleAll } from "./trace-keys.ts";
import { createSceneMaker, type TraceScene } from "./trace-scene.ts";
import { parseTraceState, printTraceUrl, type TraceState } from "./trace-state.ts";
import { createTraceToolbar } from "./trace-toolbar.ts";
import { createWaterfall } from "./waterfall.ts";

const REFRESH_GAP_MS = 400;

/** One trace: header, findings, waterfall and the chosen span; follows the trace while it grows. */
export function createTraceView(tools: ViewTools, url: URL, traceId: string): View {
  let state = parseTraceState(url.searchParams);
  let document: TraceDocument | undefined;
  let makeScene: ((state: TraceState) => TraceScene) | undefined;
  const parts = createParts(tools, { set, scene: () => makeScene?.(state), state: () => state });
  const place = element("main", { class: "trace-view" });
  const refresher = createRefresher(load, REFRESH_GAP_MS);

  async function load(signal: AbortSignal): Promise<void> {
    try {
      const answer = await tools.api.getTrace(traceId, signal);
      if (answer) return show(answer);
      if (!document) place.replaceChildren(missing(traceId));
    } catch (error) {
      if (signal.aborted || document) return;
      place.replaceChildren(notice("The trace could not be read", String(error)));
    }
  }

  function show(answer: TraceDocument): void {
    const first = !document;
    document = answer;
    makeScene = createSceneMaker(answer);
    state = { ...state, spanId: state.spanId ?? answer.rows[0]?.spanId };
    if (first) place.replaceChildren(...parts.elements);
    tools.setTitle(answer.summary.name);
    draw();
    if (first) parts.waterfall.focus();
    if (first) parts.waterfall.reveal();
  }

  function set(next: TraceState): void {
    const moved = next.spanId !== state.spanId || next.detailOpen !== state.detailOpen;
    state = next;
    tools.writeUrl(printTraceUrl(traceId, state));
    draw();
    if (moved) parts.waterfall.reveal();
  }

  function draw(): void {
    const scene = makeScene?.(state);
    if (scene) parts.show(scene, state);
  }

  const onKey = (event: KeyboardEvent): void => {
    const scene = makeScene?.(state);
    if (scene) traceKey(event, { scene, state, set, search: parts.search });
  };
  window.addEventListener("keydown", onKey);
  tools.setTitle("Trace");
  refresher.now();
  return {
    element: place,
    onSpans: (event) => (event.traceIds.includes(traceId) ? refresher.request() : undefined),
    onReconnect: () => refresher.request(),
    onUrl(next) {
      if (next.pathname !== url.pathname) return false;
      set({ ...parseTraceState(next.searchParams), collapsed: state.collapsed });
      return true;
    },
    stop() {
      window.removeEventListener("keydown", onKey);
      refresher.stop();
      parts.stop();
    },
  };
}

interface Reader {
  set(next: TraceState): void;
  scene(): TraceScene | undefined;
  state(): TraceState;
}

interface Parts {
  readonly elements: readonly HTMLElement[];
  readonly waterfall: ReturnType<typeof createWaterfall>;
  readonly search: HTMLInputElement;
  show(scene: TraceScene, state: TraceState): void;
  stop(): void;
}

type Change = (scene: TraceScene, state: TraceState) => TraceState | undefined;
type Act = (change: Change) => void;

function createParts(tools: ViewTools, reader: Reader): Parts {
  const { colourOf } = tools;
  // Every action starts from the scene as it is when it happens.
  const act: Act = (change) => {
    const scene = reader.scene();
    const next = scene && change(scene, reader.state());
    if (next) reader.set(next);
  };
  const open = (spanId: string): void =>
    act((scene, state) => ({ ...choose(scene, state, spanId), detailOpen: true }));
  const waterfall = createWaterfall({
    colourOf,
    onChoose: open,
    onToggle: (spanId) => act((_, state) => toggle(state, spanId)),
  });
  const header = createHeader(tools, act);
  const findings = createFindingsPanel(open);
  const minimap = createMinimap({ colourOf, onZoom: (zoom) => act((_, state) => ({ ...state, zoom })) });
  const detail = createSpanDetail({
    colourOf,
    onChoose: (spanId) =>
      act((scene, state) => (scene.spans.has(spanId) ? choose(scene, state, spanId) : undefined)),
    onClose() {
      act((_, state) => ({ ...state, detailOpen: false }));
      waterfall.focus();
    },
  });
  const toolbar = createTraceToolbar({
    onQuery: (query) => act((_, state) => ({ ...state, query })),
    onMatch: (step) => act((scene, state) => nextMatch(scene, state, step)),
    onLeaveSearch() {
      act((_, state) => ({ ...state, query: "" }));
      waterfall.focus();
    },
    onCollapseAll: () => act(toggleAll),
    onFramework: () => act((_, state) => ({ ...state, hideFramework: !state.hideFramework })),
  });
  waterfall.element.append(splitter(waterfall.element));
  const left = element("div", { class: "trace-main" }, toolbar.element, minimap.element, waterfall.element);
  return {
    elements: [
      header.element,
      findings.element,
      element("div", { class: "trace-split" }, left, detail.element),
    ],
    waterfall,
    search: toolbar.search,
    show(scene, state) {
      header.show(scene.document.summary);
      findings.show(scene.document.findings);
      toolbar.show(scene, state);
      detail.show(scene.document, state.detailOpen ? state.spanId : undefined);
      minimap.show(scene);
      waterfall.show(scene, state);
    },
    stop() {
      waterfall.stop();
      minimap.stop();
    },
  };
}

// A chip shows the next span that it has counted.
function createHeader(tools: ViewTools, act: Act): ReturnType<typeof createTraceHeader> {
  const show = (change: Change) => (): void =>
    act((scene, state) => {
      const next = change(scene, state);
      return next && { ...next, detailOpen: true };
    });
  return createTraceHeader({
    colourOf: tools.colourOf,
    listUrl: tools.listPlace()?.url ?? "/",
    onNextError: show(nextError),
    onNextProblem: show(nextProblem),
  });
}

function traceKey(
  event: KeyboardEvent,
  at: { scene: TraceScene; state: TraceState; set(next: TraceState): void; search: HTMLInputElement },
): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/") {
    event.preventDefault();
    at.search.focus();
    at.search.select();
    return;
  }
  // Enter and the arrows belong to whatever control has the focus outside the grid.
  const focused = document.activeElement;
  const inGrid = focused === document.body || focused?.closest(".waterfall") !== null;
  if (!inGrid && !["j", "k", "n", "N", "e", "z", "Escape"].includes(event.key)) return;
  const next = afterKey(event.key, at.scene, at.state);
  if (!next) return;
  event.preventDefault();
  at.set(next);
}

function missing(traceId: string): HTMLElement {
  if (findTraceId(traceId) === undefined) {
    return notice("This is no trace id", `${traceId}: a trace id has 32 digits, 0 to 9 and a to f.`);
  }
  return notice(
    "This trace is not here",
    `The collector holds no span of ${traceId}: it has not arrived yet, or it was evicted or cleared. The page opens it as soon as a span arrives.`,
  );
}
