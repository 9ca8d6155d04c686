import { rowWindow, type Viewport } from "./row-window.ts";
import type { TraceScene } from "./trace-scene.ts";
import { drawRow, markSelected } from "./waterfall-row.ts";

const OVERSCAN = 8;

/** The rows that exist in the page: those in sight and a few around them. */
export interface RowPool {
  /** Draws anew what differs from the scene before. */
  show(scene: TraceScene, view: Viewport): void;
  /** Only the scroll position changed. */
  scroll(view: Viewport): void;
}

export function createRowPool(place: HTMLElement, colourOf: (service: string) => string): RowPool {
  const drawn = new Map<number, HTMLElement>();
  let draw: ((index: number) => HTMLElement | undefined) | undefined;
  let count = 0;
  let cursor = -1;
  let shown: TraceScene | undefined;

  function scroll(view: Viewport): void {
    const { first, end } = rowWindow(view, count, OVERSCAN);
    const wanted = indexesOf(first, end, cursor);
    for (const [index, row] of drawn) {
      if (wanted.has(index)) continue;
      row.remove();
      drawn.delete(index);
    }
    // From below, each before its next: whoever hears the page instead of seeing it gets the rows in their order.
    let next: HTMLElement | null = null;
    for (const index of [...wanted].reverse()) {
      const row = drawn.get(index) ?? draw?.(index);
      if (!row) continue;
      if (!drawn.has(index)) {
        row.style.transform = `translateY(${index * view.rowHeight}px)`;
        drawn.set(index, row);
        place.insertBefore(row, next);
      }
      next = row;
    }
  }

  return {
    show(scene, view) {
      const old = shown;
      shown = scene;
      if (old?.visible !== scene.visible || old.matches !== scene.matches || old.range !== scene.range) {
        for (const row of drawn.values()) row.remove();
        drawn.clear();
      }
      count = scene.visible.length;
      cursor = scene.cursor;
      const found = scene.matches && new Set(scene.matches);
      draw = (index) => {
        const visible = scene.visible[index];
        if (!visible) return undefined;
        const { spanId, service } = visible.row;
        const match = found?.has(spanId);
        const { range, whole } = scene;
        const look = { index, range, whole, colour: colourOf(service), match };
        return drawRow(visible, { ...look, selected: index === scene.cursor });
      };
      for (const [index, row] of drawn) markSelected(row, index === scene.cursor);
      scroll(view);
    },
    scroll,
  };
}

/** In ascending order. The chosen row is always there: the grid names it as its active one. */
function indexesOf(first: number, end: number, cursor: number): ReadonlySet<number> {
  const indexes = Array.from({ length: end - first }, (_, at) => first + at);
  if (cursor !== -1 && cursor < first) indexes.unshift(cursor);
  if (cursor >= end) indexes.push(cursor);
  return new Set(indexes);
}
