import { element } from "./dom.ts";
import { rowWindow, scrollToShow } from "./row-window.ts";
import { axisTicks, spanOf } from "./time-axis.ts";
import type { TraceScene } from "./trace-scene.ts";
import type { TraceState } from "./trace-state.ts";
import { drawRow, rowId } from "./waterfall-row.ts";

const OVERSCAN = 8;

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

/** The tree of spans against time; only the rows in sight exist in the page. */
export function createWaterfall(actions: WaterfallActions): Waterfall {
  const parts = createParts();
  const { grid, head, axis, rows, gauge } = parts;
  const drawn = new Map<string, HTMLElement>();
  let now: { scene: TraceScene; state: TraceState } | undefined;
  let frame = 0;

  function rowHeight(): number {
    return gauge.offsetHeight || 28;
  }

  function viewport(): { scrollTop: number; height: number; rowHeight: number } {
    const height = Math.max(0, grid.clientHeight - head.offsetHeight);
    return { scrollTop: grid.scrollTop, height, rowHeight: rowHeight() };
  }

  function drawRows(): void {
    if (!now) return;
    const { scene, state } = now;
    const view = viewport();
    const { first, end } = rowWindow(view, scene.visible.length, OVERSCAN);
    const found = scene.matches && new Set(scene.matches);
    const kept = new Set<string>();
    for (let index = first; index < end; index++) {
      const visible = scene.visible[index];
      if (!visible) continue;
      const { spanId, service } = visible.row;
      kept.add(spanId);
      if (drawn.has(spanId)) continue;
      const selected = spanId === state.spanId;
      const look = { index, range: scene.range, colour: actions.colourOf(service), selected };
      const made = drawRow(visible, { ...look, match: found?.has(spanId) });
      made.style.transform = `translateY(${index * view.rowHeight}px)`;
      drawn.set(spanId, made);
      rows.append(made);
    }
    for (const [spanId, made] of drawn) {
      if (kept.has(spanId)) continue;
      made.remove();
      drawn.delete(spanId);
    }
  }

  function redraw(): void {
    if (!now) return;
    for (const made of drawn.values()) made.remove();
    drawn.clear();
    const { scene, state } = now;
    rows.style.height = `${scene.visible.length * rowHeight()}px`;
    grid.setAttribute("aria-rowcount", String(scene.visible.length + 1));
    if (scene.cursor === -1 || state.spanId === undefined) grid.removeAttribute("aria-activedescendant");
    else grid.setAttribute("aria-activedescendant", rowId(state.spanId));
    drawAxis(axis, parts.ruler, scene);
    drawRows();
  }

  function show(scene: TraceScene, state: TraceState): void {
    const anchor = anchorOf(now?.scene, viewport());
    const fresh = now?.scene.document !== scene.document;
    now = { scene, state };
    redraw();
    if (!fresh || !anchor) return;
    // Spans that arrived above the reader's place must not push it away.
    const at = scene.visible.findIndex(({ row }) => row.spanId === anchor.spanId);
    if (at > 0 && grid.scrollTop > 0) grid.scrollTop = at * rowHeight() + anchor.restPx;
    drawRows();
  }

  grid.addEventListener("scroll", () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(drawRows);
  });
  rows.addEventListener("click", (event) => {
    const target = event.target as Element;
    const spanId = target.closest<HTMLElement>(".span-row")?.dataset["span"];
    if (spanId === undefined) return;
    if (target.closest("button.twist")) actions.onToggle(spanId);
    else actions.onChoose(spanId);
  });
  const resized = new ResizeObserver(redraw);
  resized.observe(grid);
  resized.observe(axis);
  return {
    element: parts.frame,
    show,
    reveal() {
      if (!now || now.scene.cursor === -1) return;
      grid.scrollTop = scrollToShow(viewport(), now.scene.cursor);
      drawRows();
    },
    focus: () => grid.focus({ preventScroll: true }),
    stop() {
      cancelAnimationFrame(frame);
      resized.disconnect();
    },
  };
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

function anchorOf(
  scene: TraceScene | undefined,
  view: { scrollTop: number; rowHeight: number },
): { spanId: string; restPx: number } | undefined {
  const at = Math.floor(view.scrollTop / view.rowHeight);
  const spanId = scene?.visible[at]?.row.spanId;
  return spanId === undefined ? undefined : { spanId, restPx: view.scrollTop - at * view.rowHeight };
}
