import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, span, type TraceHandle, test } from "@throughline/playwright";

const plainApp = process.env.E2E_PLAIN_URL ?? "";

const ONE_CLICK = [span.click("Buy"), span.client("POST", "/api/orders"), span.server("POST", "/api/orders")];

test("without Next.js: the click reaches the server in one trace", async ({ page, otel }) => {
  await page.goto(plainApp);
  const trace = await otel.during(() => page.getByRole("button", { name: "Buy" }).click());
  await expect(trace).toHavePath(ONE_CLICK);
});

test("with propagation switched off the same assertion fails within 1 s and names the hop", async ({
  page,
  otel,
}) => {
  await page.goto(`${plainApp}/?propagation=off`);
  const trace = await otel.during(() => page.getByRole("button", { name: "Buy" }).click());

  const { failure, waitedMs } = await assertAndFail(trace);

  expect(failure).toContain("browser → server");
  expect(failure).toContain("TL-P02");
  expect(failure).toContain("click Buy");
  expect(failure).toContain("propagation");
  expect(waitedMs).toBeLessThan(1_000);
});

test("a header removed on the way fails too, and is told apart from one never sent", async ({
  page,
  otel,
}) => {
  const proxy = await startStrippingProxy(plainApp);
  try {
    await page.goto(proxy.url);
    const trace = await otel.during(() => page.getByRole("button", { name: "Buy" }).click());
    const { failure, waitedMs } = await assertAndFail(trace);
    expect(failure).toContain("browser → server");
    expect(failure).toContain("TL-P03");
    expect(waitedMs).toBeLessThan(1_000);
  } finally {
    proxy.stop();
  }
});

/** What the assertion said, and how long it took to say it. */
async function assertAndFail(
  trace: TraceHandle,
): Promise<{ readonly failure: string; readonly waitedMs: number }> {
  const asserted = Date.now();
  const failure = await expect(trace)
    .toHavePath(ONE_CLICK)
    .then(
      () => "it passed",
      (error: Error) => error.message,
    );
  return { failure, waitedMs: Date.now() - asserted };
}

/** A real proxy on loopback that passes everything on but `traceparent`. */
async function startStrippingProxy(
  target: string,
): Promise<{ readonly url: string; readonly stop: () => void }> {
  const server = createServer((incoming, outgoing) => {
    const { traceparent: _, ...headers } = incoming.headers;
    const onward = request(
      new URL(incoming.url ?? "/", target),
      { method: incoming.method, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    incoming.pipe(onward);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

test.afterAll(async () => {
  const answer = await fetch(`${plainApp}/baggage`);
  expect(await answer.json(), "requests with baggage").toEqual([]);
});
