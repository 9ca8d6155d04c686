import { expect, test } from "@throughline/playwright";

test("the receipt's link opens the waterfall of that very click", async ({ page, context }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Buy Cedar" }).click();
  const link = page.getByRole("link", { name: /see this trace/i }).first();
  await expect(link).toBeVisible();
  const href = (await link.getAttribute("href")) ?? "";

  const viewer = await context.newPage();
  const errors: string[] = [];
  viewer.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await viewer.goto(href);
  const tree = viewer.getByRole("treegrid");
  for (const label of ["click Buy", "POST /api/orders", "GET /stock", "INSERT orders"]) {
    await expect(tree.getByText(label).first()).toBeVisible();
  }
  await tree.getByText("INSERT orders").first().click();
  await expect(viewer.getByText("INSERT INTO orders", { exact: false }).first()).toBeVisible();
  expect(errors).toEqual([]);
});

test("the live list shows a new trace without a reload", async ({ page, context }) => {
  const viewer = await context.newPage();
  await viewer.goto(process.env.THROUGHLINE_COLLECTOR_URL ?? "");
  await page.goto("/");
  const [response] = await Promise.all([
    page.waitForResponse("**/api/orders"),
    page.getByRole("button", { name: "Buy Cedar" }).click(),
  ]);
  const { traceId } = (await response.json()) as { traceId: string };
  await expect(viewer.locator(`a[href*="${traceId}"]`).first()).toBeVisible();
});
