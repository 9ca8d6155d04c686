import { expect, test } from "@throughline/playwright";
import { awaitTrace, lines, newTraceparent } from "./trace-reading.ts";

test("a page behind proxy.ts has one SERVER span, with the page's route", async ({ request }) => {
  const order = await request.post("/api/orders", { data: { sku: "cedar-pencils" } });
  const { orderId } = (await order.json()) as { orderId: number };
  const caller = newTraceparent();
  await request.get(`/orders/${orderId}`, { headers: { traceparent: caller.header } });

  const document = await awaitTrace(caller.traceId, [
    "GET /orders/[id] · server · shop",
    "SELECT orders · client · shop",
  ]);
  const servers = document.spans.filter((span) => span.kind === "server");
  expect(servers.map((span) => span.name)).toEqual(["GET /orders/[id]"]);
  expect(servers[0]?.parentSpanId).toBe(caller.spanId);
  expect(lines(document)).toContain("  middleware GET · internal · shop");
  expect(lines(document).join("\n")).not.toContain("start response");
});
