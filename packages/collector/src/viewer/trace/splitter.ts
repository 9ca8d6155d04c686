import { element } from "../dom.ts";

const LEAST = 18;
const MOST = 75;
const STEP = 2;
/** What the style sheet begins with in a wide window. */
const USUAL = 40;

/** A handle between two columns that sets `--name-share` on the frame, by pointer or arrow keys. */
export function splitter(frame: HTMLElement): HTMLElement {
  const handle = element("div", {
    class: "splitter",
    attributes: {
      role: "separator",
      tabindex: "0",
      "aria-orientation": "vertical",
      "aria-label": "Width of the span names",
      "aria-valuemin": String(LEAST),
      "aria-valuemax": String(MOST),
      "aria-valuenow": String(USUAL),
    },
  });
  let percent: number | undefined;
  const set = (wanted: number): void => {
    percent = Math.max(LEAST, Math.min(MOST, wanted));
    frame.style.setProperty("--name-share", `${percent}%`);
    handle.setAttribute("aria-valuenow", String(Math.round(percent)));
  };
  const current = (): number =>
    percent ?? ((handle.offsetLeft + handle.offsetWidth / 2) / Math.max(1, frame.clientWidth)) * 100;
  // Until it is moved the style sheet says where it is, by the width of the window.
  handle.addEventListener("focus", () => handle.setAttribute("aria-valuenow", String(Math.round(current()))));
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = frame.getBoundingClientRect();
    set(((event.clientX - box.left) / Math.max(1, box.width)) * 100);
  });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    set(current() + step);
  });
  return handle;
}
