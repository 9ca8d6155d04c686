import { expect, test, vi } from "vitest";
import type { TracedPage } from "../instrument.ts";
import { afterLoad } from "./after-load.ts";

// The instrument under test hands the page on and reads nothing of it.
const page = {} as TracedPage;

test("the instrument starts in a page that has loaded, and is cut, settled and stopped with the others", async () => {
  const calls: string[] = [];
  const instrument = afterLoad(async () => [
    () => ({
      stop: () => void calls.push("stop"),
      cut: (reason) => void calls.push(`cut ${reason}`),
      settle: () => void calls.push("settle"),
    }),
  ]);
  const loaded = vi.spyOn(document, "readyState", "get").mockReturnValue("complete");
  const running = instrument(page);
  loaded.mockRestore();
  await expect
    .poll(() => {
      running.settle?.();
      return calls.length;
    })
    .toBeGreaterThan(0);
  running.cut?.("pagehide");
  running.stop();
  expect(calls.slice(-2)).toEqual(["cut pagehide", "stop"]);
});

test("what cannot be late is asked for while the page loads", () => {
  let loads = 0;
  const load = async () => {
    loads++;
    return [];
  };
  const loading = vi.spyOn(document, "readyState", "get").mockReturnValue("loading");
  afterLoad(load, true)(page).stop();
  loading.mockRestore();
  expect(loads).toBe(1);
});

test("nothing is loaded before the page has, and nothing at all after a stop", () => {
  let loads = 0;
  const instrument = afterLoad(() => {
    loads++;
    return Promise.resolve([() => ({ stop: () => undefined })]);
  });
  const loading = vi.spyOn(document, "readyState", "get").mockReturnValue("loading");
  const first = instrument(page);
  const second = instrument(page);
  expect(loads).toBe(0);
  second.stop();
  window.dispatchEvent(new Event("load"));
  loading.mockRestore();
  expect(loads).toBe(1);
  first.stop();
});

test("one that fails as it starts is no unhandled rejection, and those after it start", async () => {
  const rejected = vi.fn();
  window.addEventListener("unhandledrejection", rejected);
  const started = vi.fn();
  const loaded = vi.spyOn(document, "readyState", "get").mockReturnValue("complete");
  const running = afterLoad(async () => [
    () => {
      throw new Error("no such entry type");
    },
    () => {
      started();
      return { stop: () => undefined };
    },
  ])(page);
  loaded.mockRestore();
  await expect.poll(() => started.mock.calls.length).toBe(1);
  running.stop();
  window.removeEventListener("unhandledrejection", rejected);
  expect(rejected).not.toHaveBeenCalled();
});
