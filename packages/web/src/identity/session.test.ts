import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import { type SessionOptions, startWebTracing, traceSession, withSpan } from "../index.ts";

const MINUTE = 60_000;
const KEY = "throughline.session";
const { pathname } = location;

let page: FakePage;
let at: number;

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  at = 1_800_000_000_000;
});

afterEach(async () => {
  await page.close();
  vi.restoreAllMocks();
  history.replaceState(null, "", pathname);
});

function open(options: SessionOptions = {}): void {
  page = openFakePage({ instruments: [traceSession({ now: () => at, ...options })] });
}

async function attributesOf(name: string): Promise<Readonly<Record<string, unknown>>> {
  withSpan(name, () => undefined);
  const span = (await page.spans()).find((each) => each.name === name);
  return span?.attributes ?? {};
}

async function sessionOf(name: string): Promise<unknown> {
  return (await attributesOf(name))["session.id"];
}

test("every span says its session, tab and page, and the page's address without what may be secret", async () => {
  history.replaceState(null, "", `${pathname}?token=s3cret#s3cret`);
  open();
  expect(await attributesOf("a")).toEqual({
    "session.id": expect.stringMatching(/^[0-9a-f]{32}$/),
    "throughline.tab.id": expect.stringMatching(/^[0-9a-f]{16}$/),
    "throughline.page.id": expect.stringMatching(/^[0-9a-f]{16}$/),
    "browser.document.url.full": `${location.origin}${pathname}?token=REDACTED`,
  });
});

test("the address is that of the moment the span starts", async () => {
  open();
  history.replaceState(null, "", "/cart");
  expect((await attributesOf("a"))["browser.document.url.full"]).toBe(`${location.origin}/cart`);
});

test("the next page and another tab are in the same session", async () => {
  open();
  const first = await sessionOf("a");
  await page.close();
  at += 14 * MINUTE;
  open();
  expect(await sessionOf("b")).toBe(first);
});

test("15 minutes without a span end a session, less do not, and the first span after says which it was", async () => {
  open();
  const first = await sessionOf("a");
  at += 15 * MINUTE;
  expect(await sessionOf("b")).toBe(first);
  at += 15 * MINUTE + 1;
  const renewed = await attributesOf("c");
  expect(renewed["session.id"]).not.toBe(first);
  expect(renewed["session.previous_id"]).toBe(first);
  expect(await attributesOf("d")).not.toHaveProperty(["session.previous_id"]);
});

test("who comes back on another page has a new session that says which was before", async () => {
  open();
  const first = await sessionOf("a");
  await page.close();
  at += 20 * MINUTE;
  open();
  const renewed = await attributesOf("b");
  expect(renewed["session.id"]).not.toBe(first);
  expect(renewed["session.previous_id"]).toBe(first);
  expect(await attributesOf("c")).not.toHaveProperty(["session.previous_id"]);
});

test("who comes back after more than that is not told to have been there", async () => {
  open();
  await sessionOf("a");
  await page.close();
  at += 241 * MINUTE;
  open();
  expect(await attributesOf("b")).not.toHaveProperty(["session.previous_id"]);
});

test("activity in one tab keeps the session of the other", async () => {
  open();
  const first = await sessionOf("a");
  const [id, startedAt] = localStorage.getItem(KEY)?.split(" ") ?? [];
  at += 20 * MINUTE;
  localStorage.setItem(KEY, `${id} ${startedAt} ${at - MINUTE}`);
  expect(await sessionOf("b")).toBe(first);
});

test("a session that another tab renewed is taken over", async () => {
  open();
  const first = await sessionOf("a");
  at += 20 * MINUTE;
  const other = "f".repeat(32);
  localStorage.setItem(KEY, `${other} ${at - MINUTE} ${at - MINUTE}`);
  expect(await attributesOf("b")).toMatchObject({ "session.id": other, "session.previous_id": first });
});

test("4 hours end a session however busy it is", async () => {
  open();
  const first = await sessionOf("0");
  for (let minutes = 10; minutes <= 240; minutes += 10) {
    at += 10 * MINUTE;
    expect(await sessionOf(String(minutes))).toBe(first);
  }
  at += MINUTE;
  expect(await sessionOf("late")).not.toBe(first);
});

test("both times can be set", async () => {
  open({ inactivityMs: MINUTE, maxAgeMs: 2 * MINUTE });
  const first = await sessionOf("a");
  at += MINUTE + 1;
  const second = await sessionOf("b");
  expect(second).not.toBe(first);
  for (const name of ["c", "d"]) {
    at += MINUTE;
    expect(await sessionOf(name)).toBe(second);
  }
  at += 1001;
  expect(await sessionOf("e")).not.toBe(second);
});

test("a computer that slept, by the wall clock, has a new session", async () => {
  const now = vi.spyOn(Date, "now").mockReturnValue(at);
  page = openFakePage({ instruments: [traceSession()] });
  const first = await sessionOf("a");
  now.mockReturnValue(at + 8 * 60 * MINUTE);
  expect(await sessionOf("b")).not.toBe(first);
});

test("a clock that was set back a little keeps the session, far back ends it", async () => {
  open();
  const first = await sessionOf("a");
  at -= MINUTE;
  expect(await sessionOf("b")).toBe(first);
  at -= 60 * MINUTE;
  expect(await sessionOf("c")).not.toBe(first);
});

test.each(["", "ada@shop.test 1 1", "<script> 1 1", `${"f".repeat(32)} NaN NaN`])(
  "what is stored and is no session (%o) is not told",
  async (text) => {
    localStorage.setItem(KEY, text);
    open();
    expect(await sessionOf("a")).toMatch(/^[0-9a-f]{32}$/);
    expect(localStorage.getItem(KEY)).toMatch(/^[0-9a-f]{32} \d+ \d+$/);
  },
);

test("a session that somebody removed from the storage does not come back", async () => {
  open();
  const first = await sessionOf("a");
  localStorage.removeItem(KEY);
  at += 2000;
  expect(await sessionOf("b")).not.toBe(first);
});

test("storage that is full or forbidden costs the next page its session and nothing else", async () => {
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
    throw new DOMException("full", "QuotaExceededError");
  });
  open();
  const first = await sessionOf("a");
  at += 2000;
  expect(await sessionOf("b")).toBe(first);
  await page.close();
  vi.restoreAllMocks();

  vi.spyOn(window, "localStorage", "get").mockImplementation(() => {
    throw new DOMException("denied", "SecurityError");
  });
  vi.spyOn(window, "sessionStorage", "get").mockImplementation(() => {
    throw new DOMException("denied", "SecurityError");
  });
  open();
  const second = await attributesOf("c");
  at += 2000;
  expect((await attributesOf("d"))["session.id"]).toBe(second["session.id"]);
  expect(second["throughline.tab.id"]).toMatch(/^[0-9a-f]{16}$/);
});

test("the tab keeps its id for its next page, and a copy of its storage has none to take", async () => {
  open();
  const first = await attributesOf("a");
  // What `window.open` and "duplicate tab" copy.
  expect(Object.keys(sessionStorage)).toEqual([]);
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect(sessionStorage.getItem("throughline.tab")).toBe(first["throughline.tab.id"]);
  window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
  expect(Object.keys(sessionStorage)).toEqual([]);
  await page.close();
  open();
  const second = await attributesOf("b");
  expect(second["throughline.tab.id"]).toBe(first["throughline.tab.id"]);
  expect(second["throughline.page.id"]).not.toBe(first["throughline.page.id"]);
});

test("a hot update changes neither session nor tab", async () => {
  open();
  const first = await attributesOf("a");
  const again = startWebTracing({ instruments: [traceSession({ now: () => at })] });
  withSpan("b", () => undefined);
  await again.flush();
  const second = page.posted().find(({ name }) => name === "b")?.attributes;
  for (const name of ["session.id", "throughline.tab.id"]) expect(second?.[name]).toBe(first[name]);
  await again.stop();
});
