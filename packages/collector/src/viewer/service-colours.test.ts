import { expect, test } from "vitest";
import { createServiceColours, SERVICE_COLOURS } from "./service-colours.ts";

function memory(): Pick<Storage, "getItem" | "setItem"> {
  const kept = new Map<string, string>();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
}

test("services take colours in the order they are met and keep them over a reload", () => {
  const kept = memory();
  const first = createServiceColours(kept);
  expect(["shop-web", "shop", "shop-web"].map(first)).toEqual(["service-0", "service-1", "service-0"]);
  expect(["inventory", "shop"].map(createServiceColours(kept))).toEqual(["service-2", "service-1"]);
});

test("more services than colours start over", () => {
  const colourOf = createServiceColours(undefined);
  for (let n = 0; n < SERVICE_COLOURS; n++) colourOf(`s${n}`);
  expect(colourOf("one more")).toBe("service-0");
});

test("a storage that is broken or forbidden costs nothing but the memory", () => {
  const broken = {
    getItem: () => "{not json",
    setItem: () => {
      throw new Error("QuotaExceededError");
    },
  };
  expect(createServiceColours(broken)("shop")).toBe("service-0");
});
