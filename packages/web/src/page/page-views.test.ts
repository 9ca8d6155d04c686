import { createContextKey, ROOT_CONTEXT } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import { addPageView, contextSince, type PageView } from "./page-views.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

function contextsAt(...times: readonly number[]) {
  const views: PageView[] = [];
  const key = createContextKey("time");
  for (const time of times) {
    vi.spyOn(performance, "now").mockReturnValue(time);
    addPageView(views, ROOT_CONTEXT.setValue(key, time));
  }
  return (ms: number) => contextSince(views, ms)?.getValue(key);
}

test("a measurement belongs to the first page load or navigation that began at or after its start", () => {
  const since = contextsAt(20, 500, 900);
  expect([0, 20, 21, 500, 800].map(since)).toEqual([20, 20, 500, 500, 900]);
});

test("a navigation that nobody noticed leaves its measurement with the latest one that was", () => {
  expect(contextsAt(20, 500)(800)).toBe(500);
  expect(contextsAt()(0)).toBeUndefined();
});

test("however many navigations there were, the document's own stays known", () => {
  const since = contextsAt(20, ...Array.from({ length: 50 }, (_, index) => 100 * (index + 1)));
  expect(since(0)).toBe(20);
  expect(since(4950)).toBe(5000);
});
