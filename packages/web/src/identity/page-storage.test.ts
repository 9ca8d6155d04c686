import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import { offlineQueue, setConsent, tracePageLoad, traceSession, withSpan } from "../index.ts";

let page: FakePage | undefined;

afterEach(async () => {
  vi.restoreAllMocks();
  await page?.close();
  page = undefined;
  setConsent("granted");
  localStorage.clear();
});

/** As Firefox with a broken database: the objects are there. */
function breakStorage(): void {
  for (const name of ["getItem", "setItem", "removeItem"] as const)
    vi.spyOn(Storage.prototype, name).mockImplementation(() => {
      throw new DOMException("broken", "NS_ERROR_FILE_CORRUPTED");
    });
}

test("where every method of the storage throws, requests and spans go on, each with its session", async () => {
  breakStorage();
  page = openFakePage({ instruments: [traceSession(), offlineQueue(), tracePageLoad()] });
  expect(withSpan("own", () => "done")).toBe("done");
  expect(await fetch("/orders").then((response) => response.text())).toBe("ok");
  const told = (await page.spans()).map(({ name, attributes }) => [name, typeof attributes["session.id"]]);
  expect(told).toContainEqual(["own", "string"]);
  expect(told).toContainEqual(["GET", "string"]);
});

test("a storage that breaks later costs a span no more than what it would have said of it", async () => {
  let at = 1_800_000_000_000;
  page = openFakePage({ instruments: [traceSession({ now: () => at })] });
  breakStorage();
  at += 60_000;
  expect(await fetch("/orders").then((response) => response.text())).toBe("ok");
  expect((await page.spans()).map(({ name }) => name)).toEqual(["GET"]);
});

test("a denial is heard where the storage cannot be emptied", () => {
  localStorage.setItem("throughline.session", "1");
  page = openFakePage();
  breakStorage();
  expect(() => setConsent("denied")).not.toThrow();
});
