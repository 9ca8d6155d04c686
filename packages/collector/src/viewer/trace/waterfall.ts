import { element } from "../dom.ts";
import { createRowPool } from "./row-pool.ts";
import { deepestOf } from "./row-tree.ts";
import { scrollToShow, type Viewport } from "./row-window.ts";
import { axisTicks, spanOf } from "./time-axis.ts";
import type { TraceScene } from "./trace-scene.ts";
import type { TraceState } from "./trace-state.ts";
import { rowId } from "./waterfall-row.ts";

export interface Waterfall {
  readonly element: HTMLElement;
  show(scene: TraceScene, state: TraceState): void;
  /** Scrolls the chosen row into view. */
  reveal(): void;
  focus(): void;
  stop(): void;
}

export interface WaterfallActions {
  colourOf(service: string): string;
  onChoose(spanId: string): void;
  onToggle(spanId: string): void;
}

/** The tree of spans against time. */
export function createWaterfall(actions: WaterfallActions): Waterfall {
  const parts = createParts();
  const { grid, rows } = parts;
  const pool = createRowPool(rows, actions.colourOf);
  let now: { scene: TraceScene; state: TraceState } | undefined;
  let frame = 0;
  let topPx = 0;

  function redraw(): void {
    if (!now) return;
    const { scene, state } = now;
    const view = viewOf(parts);
    rows.style.height = `${scene.visible.length * view.rowHeight}px`;
    rows.style.setProperty("--deepest", String(deepestOf(scene.visible)));
    grid.setAttribute("aria-rowcount", String(scene.visible.length + 1));
    if (scene.cursor === -1 || state.spanId === undefined) grid.removeAttribute("aria-activedescendant");
    else grid.setAttribute("aria-activedescendant", rowId(state.spanId));
    drawAxis(parts.axis, parts.ruler, scene);
    pool.show(scene, view);
    topPx = topOf(grid);
  }

  grid.addEventListener("scroll", () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => pool.scroll(viewOf(parts)));
  });
  rows.addEventListener("click", (event) => followClick(event, actions));
  const resized = new ResizeObserver(redraw);
  resized.observe(parts.axis);
  resized.observe(grid);
  return {
    element: parts.frame,
    show(scene, state) {
      const before = now?.scene;
      const anchor =
        before && before.document !== scene.document ? anchorOf(before, viewOf(parts)) : undefined;
      now = { scene, state };
      const pushedPx = anchor ? topOf(grid) - topPx : 0;
      redraw();
      if (anchor) keepPlace(parts, scene, { ...anchor, restPx: anchor.restPx + pushedPx });
    },
    reveal() {
      if (!now || now.scene.cursor === -1) return;
      grid.scrollTop = scrollToShow(viewOf(parts), now.scene.cursor);
      pool.scroll(viewOf(parts));
    },
    focus: () => grid.focus({ preventScroll: true }),
    stop() {
      cancelAnimationFrame(frame);
      resized.disconnect();
    },
  };
}

// In the page, which scrolls in a low window: where the reader has scrolled it to moves no row.
function topOf(grid: HTMLElement): number {
  return grid.getBoundingClientRect().top + (grid.closest("main")?.scrollTop ?? 0);
}

function viewOf({ grid, head, gauge }: Parts): Viewport {
  const height = Math.max(0, grid.clientHeight - head.offsetHeight);
  return { scrollTop: grid.scrollTop, height, rowHeight: gauge.offsetHeight || 28 };
}

function followClick(event: MouseEvent, actions: WaterfallActions): void {
  const target = event.target as Element;
  const spanId = target.closest<HTMLElement>(".span-row")?.getAttribute("data-span");
  if (!spanId) return;
  if (target.closest("button.twist")) actions.onToggle(spanId);
  else actions.onChoose(spanId);
}

interface Parts {
  readonly frame: HTMLElement;
  readonly grid: HTMLElement;
  readonly head: HTMLElement;
  readonly axis: HTMLElement;
  readonly rows: HTMLElement;
  readonly gauge: HTMLElement;
  readonly ruler: HTMLElement;
}

function createParts(): Parts {
  const axis = element("div", { class: "axis" });
  const head = element(
    "div",
    { class: "waterfall-head", attributes: { role: "row", "aria-rowindex": "1" } },
    element("div", { class: "head-name", text: "Span", attributes: { role: "columnheader" } }),
    element("div", { class: "head-axis", attributes: { role: "columnheader", "aria-label": "Time" } }, axis),
  );
  // One row high, so that its height in pixels is the style sheet's row height.
  const gauge = element("div", { class: "row-gauge", attributes: { "aria-hidden": "true" } });
  const ruler = element("div", { class: "ruler", attributes: { "aria-hidden": "true" } });
  const rows = element("div", { class: "waterfall-rows", attributes: { role: "rowgroup" } }, gauge, ruler);
  const grid = element(
    "div",
    {
      class: "waterfall",
      attributes: { role: "treegrid", tabindex: "0", "aria-label": "Spans of this trace" },
    },
    head,
    rows,
  );
  return {
    frame: element("div", { class: "waterfall-frame" }, grid),
    grid,
    head,
    axis,
    rows,
    gauge,
    ruler,
  };
}

function drawAxis(axis: HTMLElement, ruler: HTMLElement, scene: TraceScene): void {
  const width = axis.clientWidth;
  const ticks = axisTicks(scene.range, width);
  axis.replaceChildren(
    ...ticks.map((tick) => {
      const label = element("span", { class: "tick", text: tick.label });
      label.style.left = `${tick.position * 100}%`;
      return label;
    }),
  );
  const step = ((ticks[1]?.ms ?? 0) - (ticks[0]?.ms ?? 0)) / spanOf(scene.range);
  ruler.style.setProperty("--tick-step", `${Math.max(step * width, 1)}px`);
  ruler.style.setProperty("--tick-first", `${(ticks[0]?.position ?? 0) * width}px`);
  ruler.hidden = step <= 0;
}

interface Anchor {
  readonly spanId: string;
  readonly restPx: number;
}

function anchorOf(scene: TraceScene, view: Viewport): Anchor | undefined {
  if (view.scrollTop === 0) return undefined;
  const at = Math.floor(view.scrollTop / view.rowHeight);
  const spanId = scene.visible[at]?.row.spanId;
  return spanId === undefined ? undefined : { spanId, restPx: view.scrollTop - at * view.rowHeight };
}

// Spans that arrived above the reader's place must not push it away, nor findings above the waterfall.
function keepPlace(parts: Parts, scene: TraceScene, anchor: Anchor): void {
  const at = scene.visible.findIndex(({ row }) => row.spanId === anchor.spanId);
  if (at !== -1) parts.grid.scrollTop = at * viewOf(parts).rowHeight + anchor.restPx;
}
