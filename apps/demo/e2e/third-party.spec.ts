import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "@throughline/playwright";

test("a third-party origin gets no trace header and no preflight", async ({ page }) => {
  const received: Pick<IncomingMessage, "method" | "headers">[] = [];
  const thirdParty = createServer((request, response) => {
    received.push({ method: request.method, headers: request.headers });
    response.setHeader("access-control-allow-origin", "*");
    response.end("{}");
  });
  await new Promise<void>((listening) => thirdParty.listen(0, "127.0.0.1", listening));
  try {
    const url = `http://127.0.0.1:${(thirdParty.address() as AddressInfo).port}/pixel?id=1`;
    await page.goto("/");
    const traced = page.waitForRequest("**/api/orders");
    // A real click, so that a span is current while the third party is called.
    await page.evaluate((target) => {
      addEventListener("click", () => void fetch(target, { method: "POST", body: "{}" }), { once: true });
    }, url);
    await page.getByRole("button", { name: "Buy Cedar" }).click();

    expect((await traced).headers()).toHaveProperty("traceparent");
    await expect.poll(() => received.length).toBeGreaterThan(0);
    await page.waitForLoadState("networkidle");
    expect(received.map(({ method }) => method)).toEqual(["POST"]);
    for (const name of ["traceparent", "tracestate", "baggage"])
      expect(received[0]?.headers).not.toHaveProperty(name);
  } finally {
    thirdParty.close();
  }
});
