import { afterEach, expect, test, vi } from "vitest";
import { isSessionSampled, SAMPLED_KEY } from "./session-sampling.ts";

afterEach(() => {
  vi.restoreAllMocks();
  localStorage.clear();
  forgetPage();
});

function forgetPage(): void {
  Reflect.deleteProperty(globalThis, SAMPLED_KEY);
}

test("a session is decided once, and every page of it decides the same", () => {
  const random = vi.spyOn(Math, "random").mockReturnValue(0.05);
  expect(isSessionSampled(0.1)).toBe(true);
  expect(localStorage.getItem(SAMPLED_KEY)).toMatch(/^1 \d{13}$/);
  random.mockReturnValue(0.9);
  forgetPage();
  expect(isSessionSampled(0.1)).toBe(true);
});

test.each([
  ["a page every 14 minutes keeps the decision", 14, true],
  ["16 minutes without a page end the session", 16, false],
  ["a clock that was set back for an hour does too", -60, false],
])("%s", (_title, minutes, kept) => {
  const random = vi.spyOn(Math, "random").mockReturnValue(0.05);
  const now = vi.spyOn(Date, "now").mockReturnValue(1_790_000_000_000);
  isSessionSampled(0.1);
  random.mockReturnValue(0.9);
  for (const visit of [1, 2, 3]) {
    now.mockReturnValue(1_790_000_000_000 + visit * minutes * 60_000);
    forgetPage();
    expect(isSessionSampled(0.1)).toBe(kept);
  }
});

test("while another tab's session lives, a tab is traced like that one, however long ago it was decided", () => {
  vi.spyOn(Math, "random").mockReturnValue(0.9);
  const minutesAgo = (minutes: number): number => Date.now() - minutes * 60_000;
  const record = (usedAt: number) => `${"a".repeat(32)} ${usedAt - 3_600_000} ${usedAt}`;
  localStorage.setItem(SAMPLED_KEY, `1 ${minutesAgo(40)}`);
  localStorage.setItem("throughline.session", record(minutesAgo(1)));
  expect(isSessionSampled(0.1)).toBe(true);
  localStorage.setItem(SAMPLED_KEY, `1 ${minutesAgo(40)}`);
  forgetPage();
  localStorage.setItem("throughline.session", record(minutesAgo(16)));
  expect(isSessionSampled(0.1)).toBe(false);
});

test("a session of which single traces were kept, as of who had not answered yet, is decided as any other", () => {
  vi.spyOn(Math, "random").mockReturnValue(0.9);
  localStorage.setItem("throughline.session", `${"a".repeat(32)} ${Date.now()} ${Date.now()}`);
  expect(isSessionSampled(0.1)).toBe(false);
});

test("what is no decision is decided anew", () => {
  vi.spyOn(Math, "random").mockReturnValue(0.05);
  for (const text of ["", "0", "0 soon", "nothing"]) {
    localStorage.setItem(SAMPLED_KEY, text);
    forgetPage();
    expect(isSessionSampled(0.1), text).toBe(true);
  }
});

test("the share is the share of sessions that are traced", () => {
  const random = vi.spyOn(Math, "random");
  const decisions = Array.from({ length: 100 }, (_, index) => {
    random.mockReturnValue(index / 100);
    localStorage.clear();
    forgetPage();
    return isSessionSampled(0.3);
  });
  expect(decisions.filter(Boolean)).toHaveLength(30);
});

test("nobody is no matter of an earlier decision, and nothing is stored", () => {
  expect(isSessionSampled(0)).toBe(false);
  expect(localStorage).toHaveLength(0);
  localStorage.setItem(SAMPLED_KEY, `1 ${Date.now()}`);
  expect(isSessionSampled(0)).toBe(false);
});

test("a session that begins is decided as its document was, one that goes on is not", () => {
  const random = vi.spyOn(Math, "random").mockReturnValue(0.9);
  const served =
    (decision: string, minutesAgo = 0) =>
    () =>
      `${decision} ${Date.now() - minutesAgo * 60_000}`;
  expect(isSessionSampled(0.1, served("1"))).toBe(true);
  forgetPage();
  expect(isSessionSampled(0.1, served("0"))).toBe(true);
  localStorage.clear();
  forgetPage();
  random.mockReturnValue(0.05);
  expect(isSessionSampled(0.1, served("0"))).toBe(false);
});

test("a document out of an old cache decides nothing, nor does a server that says nothing", () => {
  vi.spyOn(Math, "random").mockReturnValue(0.9);
  for (const served of [`1 ${Date.now() - 16 * 60_000}`, "1", "", undefined]) {
    localStorage.clear();
    forgetPage();
    expect(isSessionSampled(0.1, () => served)).toBe(false);
  }
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
