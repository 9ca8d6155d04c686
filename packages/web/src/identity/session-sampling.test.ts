import { afterEach, expect, test, vi } from "vitest";
import { isSessionSampled, SAMPLED_KEY } from "./session-sampling.ts";

afterEach(() => {
  vi.restoreAllMocks();
  sessionStorage.clear();
  forgetPage();
});

function forgetPage(): void {
  Reflect.deleteProperty(globalThis, Symbol.for(SAMPLED_KEY));
}

test("a session is decided once, and every page of it decides the same", () => {
  const random = vi.spyOn(Math, "random").mockReturnValue(0.05);
  expect(isSessionSampled(0.1)).toBe(true);
  expect(sessionStorage.getItem(SAMPLED_KEY)).toBe("1");
  random.mockReturnValue(0.9);
  forgetPage();
  expect(isSessionSampled(0.1)).toBe(true);
});

test("the share is the share of sessions that are traced", () => {
  const random = vi.spyOn(Math, "random");
  const decisions = Array.from({ length: 100 }, (_, index) => {
    random.mockReturnValue(index / 100);
    sessionStorage.clear();
    forgetPage();
    return isSessionSampled(0.3);
  });
  expect(decisions.filter(Boolean)).toHaveLength(30);
});

test("nobody and everybody are no matter of an earlier decision, and nothing is stored for them", () => {
  expect([isSessionSampled(1), isSessionSampled(0)]).toEqual([true, false]);
  expect(sessionStorage).toHaveLength(0);
  sessionStorage.setItem(SAMPLED_KEY, "1");
  expect(isSessionSampled(0)).toBe(false);
  sessionStorage.setItem(SAMPLED_KEY, "0");
  expect(isSessionSampled(1)).toBe(true);
});

test("where storage is blocked the decision holds for the page", () => {
  vi.spyOn(Storage.prototype, "getItem").mockImplementation(refuse);
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(refuse);
  const random = vi.spyOn(Math, "random").mockReturnValue(0.05);
  expect(isSessionSampled(0.1)).toBe(true);
  random.mockReturnValue(0.9);
  expect(isSessionSampled(0.1)).toBe(true);
});

function refuse(): never {
  throw new DOMException("The operation is insecure.", "SecurityError");
}
