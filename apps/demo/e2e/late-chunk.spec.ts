import { expect, test } from "@playwright/test";
import { placeOrder } from "./environment.ts";
import { expectEndpointTriedAgain, expectOfflineQueue, expectVitalsAndTiming } from "./late-chunk.ts";
import { startPolicySite, watchComplaints } from "./policy-site.ts";
import { postedSpan } from "./posted-span.ts";
import { awaitTrace, traceIdOf } from "./trace-reading.ts";

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

// Next.js writes scripts into its documents, which only a nonce lets in; it takes it from the request, for what it renders
// for a visit: https://nextjs.org/docs/app/guides/content-security-policy
for (const scripts of ["'self' 'nonce-MTIz'", "'nonce-MTIz' 'strict-dynamic'"]) {
  test(`under default-src 'self' and script-src ${scripts} nothing is refused, and a click is traced down to the database`, async ({
    page,
    baseURL,
  }) => {
    const { orderId } = await (await placeOrder(baseURL ?? "")).json();
    // The shop's icon stands in the page itself.
    const policy = `default-src 'self'; script-src ${scripts}; img-src data:`;
    const site = await startPolicySite({ policy, addressOf: (path) => `${baseURL}${path}` });
    try {
      const complaints = await watchComplaints(page);
      await Promise.all([postedSpan(page, "web vital TTFB"), page.goto(`${site.url}/orders/${orderId}`)]);
      await page.getByRole("link", { name: "Back to the shop" }).click();
      const [request] = await Promise.all([
        page.waitForRequest("**/api/orders"),
        page.getByRole("button", { name: "Buy Cedar" }).click(),
      ]);
      await awaitTrace(traceIdOf(request), [
        "click Buy · internal · shop-web",
        "POST /api/orders · client · shop-web",
        "POST /api/orders · server · shop",
        "INSERT orders · client · shop",
      ]);
      expect(complaints).toEqual([]);
    } finally {
      site.stop();
    }
  });
}
