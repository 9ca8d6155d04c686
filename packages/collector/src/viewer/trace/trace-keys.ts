import type { TraceRow } from "@throughline/core";
import { ancestorIds, parentIndex, type VisibleRow } from "./row-tree.ts";
import { SHORTEST_MS } from "./time-axis.ts";
import type { TraceScene } from "./trace-scene.ts";
import type { TraceState } from "./trace-state.ts";

const PAGE = 20;

const STEPS: Readonly<Record<string, number>> = {
  j: 1,
  ArrowDown: 1,
  k: -1,
  ArrowUp: -1,
  PageDown: PAGE,
  PageUp: -PAGE,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};

/** The state after a key; undefined when the key means nothing here. */
export function afterKey(key: string, scene: TraceScene, state: TraceState): TraceState | undefined {
  const step = STEPS[key];
  if (step !== undefined) return move(scene, state, step);
  if (key === "ArrowRight") return stepIn(scene, state);
  if (key === "ArrowLeft") return stepOut(scene, state);
  if (key === "Enter") return state.spanId === undefined ? undefined : { ...state, detailOpen: true };
  if (key === "Escape") return leave(state);
  if (key === "n") return nextMatch(scene, state, 1);
  if (key === "N") return nextMatch(scene, state, -1);
  if (key === "e") return nextError(scene, state);
  if (key === "z") return zoomToRow(scene, state);
  return undefined;
}

/** The next span the search found, after the chosen one and around. */
export function nextMatch(scene: TraceScene, state: TraceState, step: 1 | -1): TraceState | undefined {
  return nextOf(scene, state, scene.matches ?? [], step);
}

/** The next span with an error, after the chosen one and around. */
export function nextError(scene: TraceScene, state: TraceState): TraceState | undefined {
  const errors = scene.document.rows.filter((row) => row.error).map((row) => row.spanId);
  return nextOf(scene, state, errors, 1);
}

/** The next span that a finding of the header's count is about. */
export function nextProblem(scene: TraceScene, state: TraceState): TraceState | undefined {
  const problems = scene.document.findings.filter(({ severity }) => severity !== "info");
  return nextOf(
    scene,
    state,
    problems.flatMap(({ spanIds }) => spanIds),
    1,
  );
}

/** Chooses a span and opens whatever hides it. */
export function choose(scene: TraceScene, state: TraceState, spanId: string): TraceState {
  const { rows } = scene.document;
  const closed = ancestorIds(rows, spanId).filter((id) => state.collapsed.has(id));
  const collapsed = closed.length === 0 ? state.collapsed : without(state.collapsed, closed);
  const opened = { ...state, spanId, collapsed };
  const shown = closed.length > 0 || scene.visible.some(({ row }) => row.spanId === spanId);
  return shown || !state.hideFramework ? opened : { ...opened, hideFramework: false };
}

/** Collapses the row, or opens it again. */
export function toggle(state: TraceState, spanId: string): TraceState {
  const collapsed = state.collapsed.has(spanId)
    ? without(state.collapsed, [spanId])
    : new Set([...state.collapsed, spanId]);
  return { ...state, collapsed };
}

/** Collapses every row that has children below the first level, or opens all. */
export function toggleAll(scene: TraceScene, state: TraceState): TraceState {
  if (state.collapsed.size > 0) return { ...state, collapsed: new Set() };
  const parents = scene.document.rows.filter((row) => row.childCount > 0 && row.depth > 0);
  return { ...state, collapsed: new Set(parents.map((row) => row.spanId)) };
}

function move({ visible, cursor }: TraceScene, state: TraceState, step: number): TraceState {
  const from = cursor === -1 ? (step > 0 ? -1 : 0) : cursor;
  const to = Math.max(0, Math.min(visible.length - 1, from + step));
  return { ...state, spanId: visible[to]?.row.spanId ?? state.spanId };
}

function stepIn({ visible, cursor }: TraceScene, state: TraceState): TraceState | undefined {
  const at = visible[cursor];
  if (!at?.expandable) return undefined;
  if (at.collapsed) return toggle(state, at.row.spanId);
  return { ...state, spanId: visible[cursor + 1]?.row.spanId ?? state.spanId };
}

function stepOut({ visible, cursor }: TraceScene, state: TraceState): TraceState | undefined {
  const at: VisibleRow | undefined = visible[cursor];
  if (!at) return undefined;
  if (at.expandable && !at.collapsed) return toggle(state, at.row.spanId);
  const parent: TraceRow | undefined = visible[parentIndex(visible, cursor)]?.row;
  return parent ? { ...state, spanId: parent.spanId } : undefined;
}

// Of a span that begins after the axis, the row shows when it was all the same.
function zoomToRow({ visible, cursor, whole }: TraceScene, state: TraceState): TraceState | undefined {
  const row = visible[cursor]?.row;
  if (!row || row.offsetMs > whole.toMs) return undefined;
  const zoom = { fromMs: row.offsetMs, toMs: row.offsetMs + Math.max(row.durationMs, SHORTEST_MS) };
  const same = state.zoom?.fromMs === zoom.fromMs && state.zoom.toMs === zoom.toMs;
  return { ...state, zoom: same ? undefined : zoom };
}

function leave(state: TraceState): TraceState | undefined {
  if (state.detailOpen) return { ...state, detailOpen: false };
  if (state.query !== "") return { ...state, query: "" };
  return state.zoom ? { ...state, zoom: undefined } : undefined;
}

function nextOf(
  scene: TraceScene,
  state: TraceState,
  candidates: readonly string[],
  step: 1 | -1,
): TraceState | undefined {
  if (candidates.length === 0) return undefined;
  const wanted = new Set(candidates);
  const { rows } = scene.document;
  const start = rows.findIndex((row) => row.spanId === state.spanId);
  const from = start === -1 && step === -1 ? rows.length : start;
  for (let n = 1; n <= rows.length; n++) {
    const row = rows[(from + n * step + rows.length * 2) % rows.length];
    if (row && wanted.has(row.spanId)) return choose(scene, state, row.spanId);
  }
  return undefined;
}

function without(set: ReadonlySet<string>, gone: readonly string[]): ReadonlySet<string> {
  const left = new Set(set);
  for (const id of gone) left.delete(id);
  return left;
}
