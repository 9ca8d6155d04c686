import { parseTraceparent } from "@throughline/core";
import { expect, test } from "@throughline/playwright";
import { awaitTrace, spanOf } from "./trace-reading.ts";

test("two clicks interleaved, the first one slowed, never cross", async ({ page }) => {
  await page.goto("/");
  const sent: { readonly sku: string; readonly traceparent: string }[] = [];
  page.on("request", async (request) => {
    if (new URL(request.url()).pathname !== "/api/orders") return;
    const traceparent = request.headers().traceparent ?? "";
    sent.push({ sku: (request.postDataJSON() as { sku: string }).sku, traceparent });
  });

  const [slow, fast] = [
    page.getByRole("button", { name: "Buy Cedar" }),
    page.getByRole("button", { name: "Buy Heron" }),
  ];
  const slowSku = "cedar-pencils";
  // Another tab holds the order lock of the first product: its handler waits in the middle.
  await page.evaluate((sku) => {
    return new Promise<void>((held) => {
      void navigator.locks.request(`order:${sku}`, () => {
        held();
        return new Promise<void>((release) =>
          addEventListener("release-lock", () => release(), { once: true }),
        );
      });
    });
  }, slowSku);

  await slow.click();
  await fast.click();
  await expect.poll(() => sent.length).toBe(1);
  await page.evaluate(() => dispatchEvent(new Event("release-lock")));
  await expect.poll(() => sent.length).toBe(2);

  expect(sent.map(({ sku }) => sku === slowSku)).toEqual([false, true]);
  const contexts = sent.map(({ traceparent }) => parseTraceparent(traceparent));
  expect(contexts[0]?.traceId).not.toBe(contexts[1]?.traceId);
  for (const context of contexts) {
    const document = await awaitTrace(context?.traceId ?? "", [
      "click Buy · internal · shop-web",
      "GET /stock · server · inventory",
    ]);
    const click = spanOf(document, "click Buy", "internal");
    const client = spanOf(document, "POST /api/orders", "client");
    expect(client.spanId).toBe(context?.spanId);
    expect(client.parentSpanId).toBe(click.spanId);
    expect(client.attributes).not.toHaveProperty("throughline.parent");
  }
});
