import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createAddress } from "./address.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a flood of changes becomes the first and the last", () => {
  const written: string[] = [];
  const address = createAddress((url) => void written.push(url), 250);
  for (let n = 0; n < 50; n++) address.write(`/?n=${n}`);
  expect(written).toEqual(["/?n=0"]);
  vi.advanceTimersByTime(250);
  expect(written).toEqual(["/?n=0", "/?n=49"]);
});

test("the same address is not written twice", () => {
  const replace = vi.fn();
  const address = createAddress(replace, 250);
  address.write("/");
  vi.advanceTimersByTime(1000);
  address.write("/");
  expect(replace).toHaveBeenCalledTimes(1);
});

test("what waits is written before the page moves on, and dropped when the reader went back", () => {
  const written: string[] = [];
  const address = createAddress((url) => void written.push(url), 250);
  address.write("/a");
  address.write("/b");
  address.flush();
  address.write("/c");
  address.drop();
  vi.advanceTimersByTime(1000);
  expect(written).toEqual(["/a", "/b"]);
});
