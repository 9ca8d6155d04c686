import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import type { TracedPage } from "../instrument.ts";
import { afterLoad } from "../page/after-load.ts";
import type { Hold } from "./delivery.ts";
import { offlineQueue } from "./offline-queue.ts";

let page: FakePage | undefined;

beforeEach(() => localStorage.clear());

afterEach(async () => {
  await page?.close();
  page = undefined;
  localStorage.clear();
});

function openQueue() {
  const resent: string[] = [];
  let hold: Hold = () => undefined;
  const outbox = {
    holdBy: (keep: Hold) => {
      hold = keep;
    },
    resend: (body: string) => {
      resent.push(body);
    },
  };
  const page = { outbox, consent: { isGranted: true, whenGranted: (run: () => void) => run() } };
  // All that this instrument uses of a page.
  const { stop } = offlineQueue()(page as unknown as TracedPage);
  return { resent, stop, hold: (body: string) => hold(body) };
}

test("what one page holds the next one sends, once and in order", () => {
  const first = openQueue();
  first.hold("a");
  first.hold("b");
  first.stop();
  const second = openQueue();
  expect([...second.resent].sort()).toEqual(["a", "b"]);
  second.stop();
  expect(localStorage).toHaveLength(0);
});

test("a page that is prerendered sends nothing until somebody visits it", () => {
  localStorage.setItem(`throughline.post.${Date.now()}.1`, "held");
  const prerendering = vi.spyOn(document, "prerendering" as never, "get").mockReturnValue(true as never);
  const { resent, stop } = openQueue();
  window.dispatchEvent(new Event("online"));
  expect([resent, localStorage]).toMatchObject([[], { length: 1 }]);
  prerendering.mockReturnValue(false as never);
  document.dispatchEvent(new Event("prerenderingchange"));
  stop();
  expect(resent).toEqual(["held"]);
});

test("a post that is too large costs the others nothing", () => {
  const first = openQueue();
  first.hold("a");
  expect(first.hold("x".repeat(256 * 1024 + 1))).toBeUndefined();
  first.stop();
  const second = openQueue();
  second.stop();
  expect(second.resent).toEqual(["a"]);
});

test("what arrived after all is not sent again", () => {
  const first = openQueue();
  first.hold("a")?.();
  first.stop();
  const second = openQueue();
  second.stop();
  expect(second.resent).toEqual([]);
});

test("what is older than an hour is dropped", () => {
  localStorage.setItem(`throughline.post.${Date.now() - 61 * 60_000}.1`, "old");
  localStorage.setItem(`throughline.post.${Date.now() - 59 * 60_000}.1`, "young");
  const { resent, stop } = openQueue();
  stop();
  expect(resent).toEqual(["young"]);
  expect(localStorage).toHaveLength(0);
});

test("what fails again and again is dropped an hour after it was written, not after its last try", () => {
  const written = Date.now() - 59 * 60_000;
  localStorage.setItem(`throughline.post.${written}.1`, "old");
  const page = openQueue();
  expect(page.resent).toEqual(["old"]);
  page.hold("old");
  page.hold("new");
  page.stop();
  const ages = Object.keys(localStorage).map(
    (key) => Date.now() - Number.parseInt(key.split(".")[2] ?? "", 10),
  );
  expect(Math.max(...ages)).toBeGreaterThanOrEqual(59 * 60_000);
  expect(Math.min(...ages)).toBeLessThan(59 * 60_000);
});

test("at most 256 KiB are held, the newest, and the page's own entries are left alone", () => {
  localStorage.setItem("own", "1");
  const { hold, stop } = openQueue();
  for (let count = 0; count < 10; count++) hold(String(count).repeat(60 * 1024));
  stop();
  const bodies = Object.entries(localStorage).filter(([key]) => key !== "own");
  expect(bodies.length).toBe(4);
  expect(localStorage.getItem("own")).toBe("1");
});

test("the network's return sends what is held", () => {
  const { hold, resent, stop } = openQueue();
  hold("a");
  window.dispatchEvent(new Event("online"));
  expect(resent).toEqual(["a"]);
  stop();
});

test.each([
  ["with the page", () => offlineQueue()],
  ["once the page has loaded", () => afterLoad(async () => [offlineQueue()])],
])("a queue that starts %s sends the spans of an earlier page, with their own times", async (_, create) => {
  const times = { startTimeUnixNano: "1000", endTimeUnixNano: "2000" };
  const span = {
    traceId: "a",
    spanId: "b",
    name: "earlier",
    kind: 1,
    flags: 1,
    status: { code: 0 },
    ...times,
  };
  const body = { resourceSpans: [{ resource: { attributes: [] }, scopeSpans: [{ spans: [span] }] }] };
  localStorage.setItem(`throughline.post.${Date.now()}.1`, JSON.stringify(body));
  page = openFakePage({ instruments: [create()] });
  await vi.waitFor(async () => {
    const spans = await page?.spans();
    expect(spans?.map(({ name, startTimeUnixNano }) => [name, startTimeUnixNano])).toEqual([
      ["earlier", "1000"],
    ]);
  });
});
