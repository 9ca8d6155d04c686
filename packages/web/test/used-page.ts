import { expect, vi } from "vitest";
import { userEvent } from "vitest/browser";

/** What the page's own listeners see when it is hidden; the browser of a test cannot be. */
export function hide(): void {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}

/** From now on the page's time goes on by `vi.advanceTimersByTime` alone. To be called before the tracing starts. */
export function stopTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  vi.spyOn(performance, "now").mockImplementation(() => Date.now() - performance.timeOrigin);
}

function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export async function painted(): Promise<void> {
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
}

/** A slow click after a paint and a shift: everything the library measures. */
export async function useSlowly(): Promise<void> {
  document.body.innerHTML = `<div id="banner"></div><p class="text">${"Large text ".repeat(200)}</p><button id="buy">Buy</button>`;
  await painted();
  await expect.poll(() => performance.getEntriesByName("first-contentful-paint").length).toBe(1);
  const banner = document.querySelector<HTMLElement>("#banner");
  const button = document.querySelector<HTMLElement>("#buy");
  if (!banner || !button) throw new Error("no banner, no button");
  banner.style.height = "80px";
  await painted();
  button.addEventListener("click", () => work(120));
  // Before that the browser has told only of the press, which was quick.
  const told = new Promise<void>((resolve) => {
    const observer = new PerformanceObserver((list) => {
      if (!list.getEntries().some(({ name, duration }) => name === "click" && duration >= 120)) return;
      observer.disconnect();
      resolve();
    });
    observer.observe({ type: "event", durationThreshold: 16 } as PerformanceObserverInit);
  });
  await userEvent.click(button);
  await told;
}

/** What the library of the web vitals tells of an interaction that took long. */
export function tellInp(): void {
  const holder = globalThis as { [key: symbol]: { readonly report: (metric: unknown) => void } };
  holder[Symbol.for("throughline.web-vitals")]?.report({
    name: "INP",
    value: 200,
    delta: 200,
    id: "v6-1",
    rating: "good",
    navigationType: "navigate",
    entries: [{ startTime: 100, target: document.body }],
  });
}
