import { expect, test } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { postedSpan } from "../posted-span.ts";
import { attachTrace, awaitTrace, readTrace, servedBy, spanOf } from "../trace-reading.ts";

const DIGEST = "throughline.error.digest";
const LOAD = "page load · internal · pages-web";

/** What fails on the server and is seen in the browser, in a production build. */
export function testErrors(origin: () => string): void {
  testDigests(origin);

  test("a page that fails after a click on a link is below that navigation, on both sides", async ({
    page,
  }) => {
    await page.goto(`${origin()}/slow`);
    await page.waitForLoadState("networkidle");
    const [navigation] = await Promise.all([
      postedSpan(page, "navigate /broken"),
      page.getByRole("link", { name: "Broken" }).click(),
    ]);
    const digest = await page.getByRole("heading").textContent();
    const document = await awaitTrace(navigation.traceId, ["caught error · internal · pages-web"]);
    await attachTrace(document);
    expect(spanOf(document, "caught error", "internal")).toMatchObject({
      parentSpanId: navigation.spanId,
      attributes: { [DIGEST]: digest },
    });
    // The server sends its half by itself.
    const failed = async (): Promise<unknown> => {
      const spans = (await readTrace(navigation.traceId))?.spans ?? [];
      return spans.find(({ kind, status }) => kind === "server" && status.code === "error")?.attributes[
        DIGEST
      ];
    };
    await expect.poll(failed).toBe(digest);
  });

  test("what React mends when it hydrates is an error of the page load", async ({ page }) => {
    const { traceId } = servedBy(await page.goto(`${origin()}/mismatch`));
    await page.getByRole("heading", { name: "browser" }).waitFor();
    const document = await awaitTrace(traceId, [LOAD, "uncaught error · internal · pages-web"]);
    await attachTrace(document);
    const error = spanOf(document, "uncaught error", "internal");
    expect(error.parentSpanId).toBe(spanOf(document, "page load", "internal").spanId);
    expect(messagesOf(error)[0]).toContain("#418");
    expect((await readTrace(traceId))?.spans.filter(({ status }) => status.code === "error")).toHaveLength(1);
  });
}

function testDigests(origin: () => string): void {
  for (const { what, path, recorder } of [
    { what: "a page that fails", path: "/broken", recorder: "the hook in `error.tsx`" },
    { what: "a part of a page that fails as it streams", path: "/broken-part", recorder: "the boundary" },
  ]) {
    test(`${what} is one trace: the server's error, and what ${recorder} records, under one digest`, async ({
      page,
    }) => {
      const { traceId, spanId } = servedBy(await page.goto(origin() + path));
      const digest = await page.getByRole("heading").textContent();
      const document = await awaitTrace(traceId, [LOAD, "caught error · internal · pages-web"]);
      await attachTrace(document);
      const server = document.spans.find((span) => span.spanId === spanId);
      const caught = spanOf(document, "caught error", "internal");
      for (const span of [server, caught]) {
        expect(span?.status.code).toBe("error");
        expect(span?.attributes[DIGEST]).toBe(digest);
      }
      expect(caught.parentSpanId).toBe(spanOf(document, "page load", "internal").spanId);
      // Next.js keeps what it says on the server.
      expect(messagesOf(server)).toEqual(["no stock for card 4111"]);
      expect(messagesOf(caught).join()).not.toContain("4111");
    });
  }
}

function messagesOf(span: SpanJson | undefined): readonly string[] {
  return (span?.events ?? []).map(({ attributes }) => String(attributes["exception.message"]));
}
