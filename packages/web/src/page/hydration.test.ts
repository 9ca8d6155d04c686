import { afterEach, expect, test, vi } from "vitest";
import { hydrateLater } from "./hydration.ts";

type Script = readonly [src: string, props: object];
interface Chromium {
  __next_s?: Script[] | undefined;
  readonly scheduler: { postTask(run: () => void, options: object): void };
  readonly navigator: { readonly scheduling: { isInputPending(): boolean } };
}
const page = globalThis as unknown as Chromium;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  page.__next_s = undefined;
});

/** As `next/dist/client/app-bootstrap.js` waits for scripts; tells what ran until it was done. */
async function hydrate(): Promise<readonly string[]> {
  const told: string[] = [];
  page.scheduler.postTask(() => told.push("a task"), { priority: "user-blocking" });
  const load = (before: Promise<unknown>, [src]: Script) => before.then(() => void told.push(src));
  if (page.__next_s?.length) await page.__next_s.reduce(load, Promise.resolve());
  return [...told];
}

test("hydration waits for a task", async () => {
  hydrateLater();
  expect(await hydrate()).toEqual(["a task"]);
});

test("nothing is waited for where a click waits for hydration", async () => {
  hydrateLater();
  vi.spyOn(page.navigator.scheduling, "isInputPending").mockReturnValue(true);
  expect(await hydrate()).toEqual([]);
});

test("a clock that stands still holds nothing back", async () => {
  vi.useFakeTimers();
  hydrateLater();
  expect(await hydrate()).toEqual(["a task"]);
});

test("scripts that the app notes later run before hydration, in their order", async () => {
  hydrateLater();
  page.__next_s?.push(["/one.js", {}], ["/two.js", {}]);
  expect(await hydrate()).toEqual(["a task", "/one.js", "/two.js"]);
});

test.each([
  ["cannot tell of a click that waits", "navigator", {}],
  ["has a scheduling that tells nothing", "navigator", { scheduling: {} }],
  ["has no scheduler", "scheduler", undefined],
  ["has a scheduler that does not yield", "scheduler", {}],
])("where the browser %s, nothing is noted", (_, name, value) => {
  vi.stubGlobal(name, value);
  hydrateLater();
  expect(page.__next_s).toBeUndefined();
});

test("scripts that the app waits for stay as they are", () => {
  const scripts: Script[] = [["/first.js", {}]];
  page.__next_s = scripts;
  hydrateLater();
  expect(page.__next_s).toBe(scripts);
  expect(scripts).toEqual([["/first.js", {}]]);
});
