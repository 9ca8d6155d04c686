import { afterEach, expect, test } from "vitest";
import type { Stop } from "../patch-method.ts";
import { watchCommitsByHistory, watchHistoryApi } from "./page-history.ts";

const { pathname } = location;
let stop: Stop | undefined;

afterEach(() => {
  stop?.();
  history.replaceState(null, "", pathname);
});

function watch(): readonly string[] {
  const heard: string[] = [];
  stop = watchHistoryApi({
    start: (url, type) => heard.push(`${type} ${new URL(url).pathname} from ${location.pathname}`),
    commit: () => heard.push(`at ${location.pathname}`),
    done: (endedBy) => heard.push(`over by ${endedBy}`),
  });
  return heard;
}

test("without the Navigation API each change starts before the URL changes and commits after it", async () => {
  const heard = watch();
  history.pushState(null, "", "/one");
  history.replaceState(null, "", "/two");
  expect(heard).toEqual([`push /one from ${pathname}`, "at /one", "replace /two from /one", "at /two"]);
  const arrived = new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));
  history.back();
  await arrived;
  expect(heard.slice(4)).toEqual([`traverse ${pathname} from ${pathname}`, `at ${pathname}`]);
});

test("under Next.js its commits are told, without their starts", async () => {
  const heard: string[] = [];
  stop = watchCommitsByHistory((type) => heard.push(`${type} at ${location.pathname}`));
  history.pushState(null, "", "/one");
  history.replaceState(null, "", "/two");
  const arrived = new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));
  history.back();
  await arrived;
  expect(heard).toEqual(["push at /one", "replace at /two", `traverse at ${pathname}`]);
});

test("state under the same URL starts nothing", () => {
  const heard = watch();
  history.replaceState({ scroll: 1 }, "");
  history.pushState(null, "", null);
  expect(heard.filter((line) => !line.startsWith("at "))).toEqual([]);
});

test("a move to a fragment, and back, is no navigation", async () => {
  const heard = watch();
  const popped = () => new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));
  for (const move of [() => location.assign("#faq"), () => history.back()]) {
    const arrived = popped();
    move();
    await arrived;
  }
  expect(heard).toEqual([]);
});

test("a navigation that the browser refuses is over", () => {
  const heard = watch();
  expect(() => history.pushState(null, "", "https://other.test/")).toThrow(DOMException);
  expect(heard.slice(0, 2)).toEqual([`push / from ${pathname}`, "over by error"]);
});

test("a stop gives the page its own methods back", () => {
  const { pushState, replaceState } = history;
  const heard = watch();
  expect(history.pushState).not.toBe(pushState);
  stop?.();
  expect([history.pushState, history.replaceState]).toEqual([pushState, replaceState]);
  history.pushState(null, "", "/one");
  expect(heard).toEqual([]);
});

test("a URL that the browser refuses is refused by the browser", () => {
  const heard = watch();
  expect(() => history.pushState(null, "", "http://[")).toThrow(DOMException);
  expect(heard).toEqual([]);
});
