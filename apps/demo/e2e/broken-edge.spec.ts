import { expect, span, test } from "@throughline/playwright";

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

  const asserted = Date.now();
  const failure = await expect(trace)
    .toHavePath(ONE_CLICK)
    .then(
      () => "it passed",
      (error: Error) => error.message,
    );
  const waitedMs = Date.now() - asserted;

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
  // Stands for a proxy that strips the header; the fixture itself never routes.
  await page.route("**/api/orders", async (route) => {
    const { traceparent: _, ...headers } = await route.request().allHeaders();
    await route.continue({ headers });
  });
  await page.goto(plainApp);
  const trace = await otel.during(() => page.getByRole("button", { name: "Buy" }).click());
  const failure = await expect(trace)
    .toHavePath(ONE_CLICK)
    .then(
      () => "it passed",
      (error: Error) => error.message,
    );
  expect(failure).toContain("browser → server");
  expect(failure).toContain("TL-P03");
});
