import { test } from "@playwright/test";
import { expectEndpointTriedAgain, expectOfflineQueue, expectVitalsAndTiming } from "./late-chunk.ts";

// What `withTracing` has a page load after its `load` event, in the production build and with the entry it injects. No
// test hook, which would have spans posted when it asks. The same of a share below 1 is in disabled.spec.ts.

test("vitals are below the page load, and a request after it has its network timing", async ({ page }) => {
  await expectVitalsAndTiming(page, "/", "shop");
});

test("spans of a page that is left without a network arrive with the next load, with their own times", async ({
  page,
}) => {
  await expectOfflineQueue(page, "/");
});

test("a page that is without a network for more than three tries delivers when it is back", async ({
  page,
}) => {
  await expectEndpointTriedAgain(page, "/");
});
