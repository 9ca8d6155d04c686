import { rowWindow, type Viewport } from "./row-window.ts";
import type { TraceScene } from "./trace-scene.ts";
import type { TraceState } from "./trace-state.ts";
import { drawRow } from "./waterfall-row.ts";

const OVERSCAN = 8;

/** The rows that exist in the page: those in sight and a few around them. */
export interface RowPool {
  /** Everything may look different: forget what is drawn. */
  show(scene: TraceScene, state: TraceState, view: Viewport): void;
  /** Only the scroll position changed. */
  scroll(view: Viewport): void;
}

export function createRowPool(place: HTMLElement, colourOf: (service: string) => string): RowPool {
  const drawn = new Map<number, HTMLElement>();
  let draw: ((index: number) => HTMLElement | undefined) | undefined;
  let count = 0;

  function scroll(view: Viewport): void {
    const { first, end } = rowWindow(view, count, OVERSCAN);
    for (const [index, row] of drawn) {
      if (index >= first && index < end) continue;
      row.remove();
      drawn.delete(index);
    }
    for (let index = first; index < end; index++) {
      const row = drawn.has(index) ? undefined : draw?.(index);
      if (!row) continue;
      row.style.transform = `translateY(${index * view.rowHeight}px)`;
      drawn.set(index, row);
      place.append(row);
    }
  }

  return {
    show(scene, state, view) {
      for (const row of drawn.values()) row.remove();
      drawn.clear();
      count = scene.visible.length;
      const found = scene.matches && new Set(scene.matches);
      draw = (index) => {
        const visible = scene.visible[index];
        if (!visible) return undefined;
        const { spanId, service } = visible.row;
        const match = found?.has(spanId);
        const selected = index === scene.cursor && spanId === state.spanId;
        return drawRow(visible, { index, range: scene.range, colour: colourOf(service), selected, match });
      };
      scroll(view);
    },
    scroll,
  };
}
