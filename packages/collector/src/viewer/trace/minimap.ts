import type { TraceRow } from "@throughline/core";
import { button, element } from "../dom.ts";
import { formatDuration } from "../format.ts";
import { selectRange, spanOf, type TimeRange } from "./time-axis.ts";
import type { TraceScene } from "./trace-scene.ts";

const SEEN_PX = 3;

export interface Minimap {
  readonly element: HTMLElement;
  show(scene: TraceScene): void;
  stop(): void;
}

export interface MinimapActions {
  colourOf(service: string): string;
  onZoom(range: TimeRange | undefined): void;
}

/** The whole trace in a strip; dragging over a stretch of it zooms there. */
export function createMinimap(actions: MinimapActions): Minimap {
  const canvas = element("canvas", { class: "minimap-canvas", attributes: { "aria-hidden": "true" } });
  const lens = element("div", { class: "minimap-lens" });
  const strip = element(
    "div",
    { class: "minimap", title: "Drag to zoom, double-click to see all" },
    canvas,
    lens,
  );
  const reset = button({ class: "button small", onClick: () => actions.onZoom(undefined) });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  let now: TraceScene | undefined;

  const draw = (): void => {
    if (now) drawStrip(canvas, now, actions.colourOf);
  };
  const placeLens = (range: TimeRange | undefined): void => {
    lens.hidden = range === undefined;
    if (!now || !range) return;
    lens.style.left = `${(range.fromMs / spanOf(now.whole)) * 100}%`;
    lens.style.width = `${(spanOf(range) / spanOf(now.whole)) * 100}%`;
  };
  followDrag(strip, {
    onMove: (from, to) => placeLens(now && selectRange(now.whole, from, to)),
    onEnd(from, to) {
      const range = now && selectRange(now.whole, from, to);
      if (range) actions.onZoom(range);
    },
  });
  strip.addEventListener("dblclick", () => actions.onZoom(undefined));
  const resized = new ResizeObserver(draw);
  resized.observe(strip);
  scheme.addEventListener("change", draw);
  return {
    element: element("div", { class: "minimap-frame" }, reset, strip),
    show(scene) {
      const changed = now?.visible !== scene.visible;
      now = scene;
      if (changed) draw();
      const zoomed = scene.range !== scene.whole;
      placeLens(zoomed ? scene.range : undefined);
      reset.classList.toggle("is-off", !zoomed);
      reset.disabled = !zoomed;
      reset.textContent = zoomed ? `Reset zoom · ${formatDuration(spanOf(scene.range))}` : "Overview";
    },
    stop() {
      resized.disconnect();
      scheme.removeEventListener("change", draw);
    },
  };
}

interface Drag {
  onMove(from: number, to: number): void;
  onEnd(from: number, to: number): void;
}

// Places are shares of the strip's width.
function followDrag(strip: HTMLElement, drag: Drag): void {
  let from: number | undefined;
  const place = (event: PointerEvent): number => {
    const box = strip.getBoundingClientRect();
    return (event.clientX - box.left) / Math.max(1, box.width);
  };
  strip.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = place(event);
    strip.setPointerCapture(event.pointerId);
  });
  strip.addEventListener("pointermove", (event) => {
    if (from !== undefined) drag.onMove(from, place(event));
  });
  strip.addEventListener("pointerup", (event) => {
    if (from !== undefined) drag.onEnd(from, place(event));
    from = undefined;
  });
  strip.addEventListener("pointercancel", () => {
    from = undefined;
  });
}

function drawStrip(
  canvas: HTMLCanvasElement,
  scene: TraceScene,
  colourOf: (service: string) => string,
): void {
  const { clientWidth, clientHeight } = canvas;
  const pen = canvas.getContext("2d");
  if (!pen || clientWidth === 0) return;
  const scale = devicePixelRatio;
  canvas.width = clientWidth * scale;
  canvas.height = clientHeight * scale;
  pen.scale(scale, scale);
  const colours = createColourReader(canvas, colourOf);
  const pitch = clientHeight / Math.max(6, scene.visible.length);
  const thick = Math.max(0.6, Math.min(3, pitch * 0.7));
  const perMs = clientWidth / spanOf(scene.whole);
  const drawRow = (row: TraceRow, at: number, colour: string, height: number): void => {
    pen.fillStyle = colour;
    const width = Math.max(row.error ? SEEN_PX : 1, row.durationMs * perMs);
    const top = Math.min(at * pitch + pitch / 2, clientHeight - height);
    pen.fillRect(Math.min(row.offsetMs * perMs, clientWidth - SEEN_PX), top, width, height);
  };
  scene.visible.forEach(({ row }, at) => {
    if (!row.error) drawRow(row, at, colours("", row.service), thick);
  });
  // Last and no smaller than can be seen: among hundreds of rows one is thinner than a pixel.
  scene.visible.forEach(({ row }, at) => {
    if (row.error) drawRow(row, at, colours("tone-error", ""), Math.max(SEEN_PX, thick));
  });
}

// A canvas cannot see custom properties; an element of the same class can.
function createColourReader(
  canvas: HTMLElement,
  colourOf: (service: string) => string,
): (name: string, service: string) => string {
  const known = new Map<string, string>();
  return (name, service) => {
    const key = `${name} ${service}`;
    let colour = known.get(key);
    if (colour === undefined) {
      const probe = element("i", { class: `probe ${name === "" ? colourOf(service) : name}` });
      canvas.parentElement?.append(probe);
      colour = getComputedStyle(probe).color;
      probe.remove();
      known.set(key, colour);
    }
    return colour;
  };
}
