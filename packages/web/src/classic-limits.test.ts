// What the classic preset does not do; docs/browser/classic.md says each of these.
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { openFakePage, type PostedSpan } from "../test/fake-page.ts";
import { startWebTracing, withSpan } from "./classic.ts";
import type { WebInstrument } from "./instrument.ts";
import { traceNavigation } from "./page/navigation.ts";

type Answer = Parameters<typeof openFakePage>[1];

let page: ReturnType<typeof openFakePage> | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
});

function open(answer?: Answer, instruments: readonly WebInstrument[] = []) {
  page = openFakePage({ instruments }, answer, startWebTracing);
  return page;
}

async function requestOf(from: ReturnType<typeof openFakePage>, path: string): Promise<PostedSpan> {
  const find = async () =>
    (await from.spans()).find(({ attributes }) => String(attributes["url.full"]).endsWith(path));
  await expect.poll(find).toBeDefined();
  const span = await find();
  if (!span) throw new Error(`the span of ${path} is gone`);
  return span;
}

test("a flush right after an answer has not its span, which comes later", async () => {
  const shop = open();
  await fetch("/stock");
  await shop.tracing.flush();
  expect(shop.posted()).toEqual([]);
  await requestOf(shop, "/stock");
});

test("an answer that nobody reads is read to its end", async () => {
  let chunks = 0;
  const body = new ReadableStream(
    {
      pull(controller) {
        if (++chunks === 50) controller.close();
        else controller.enqueue(new Uint8Array(1024));
      },
    },
    { highWaterMark: 0 },
  );
  open(() => new Response(body));
  await fetch("/file");
  await expect.poll(() => chunks).toBe(50);
});

test("after a native await the span is lost, and nothing is inferred", async () => {
  const shop = open();
  const run = async (): Promise<void> => {
    await Promise.resolve();
    await fetch("/late");
  };
  expect(String(run)).toContain("await");
  await withSpan("work", run);
  const late = await requestOf(shop, "/late");
  expect(late.parentSpanId).toBeUndefined();
  expect(late.attributes).not.toHaveProperty("throughline.parent");
});

test("the callback of a message port has no span", async () => {
  const shop = open();
  const { port1, port2 } = new MessageChannel();
  await withSpan("work", () => {
    const got = new Promise<void>((resolve) => {
      port1.onmessage = () => {
        void fetch("/message").then(() => resolve());
      };
    });
    port2.postMessage("go");
    return got;
  });
  port1.close();
  expect((await requestOf(shop, "/message")).parentSpanId).toBeUndefined();
});

test("a request that fails has neither the status ERROR nor error.type, and the status 0", async () => {
  const shop = open(() => Promise.reject(new TypeError("Failed to fetch")));
  await expect(fetch("/down")).rejects.toThrow("Failed to fetch");
  const down = await requestOf(shop, "/down");
  expect(down.status.code).toBe(0);
  expect(down.attributes).not.toHaveProperty("error.type");
  expect(down.attributes["http.response.status_code"]).toBe(0);
});

test("a navigation is not below the code that began it", async () => {
  const { href } = location;
  const shop = open(undefined, [traceNavigation()]);
  withSpan("work", () => history.pushState(null, "", "/orders"));
  history.replaceState(null, "", href);
  const navigation = (await shop.spans()).find(({ name }) => name === "navigate /orders");
  expect(navigation).toBeDefined();
  expect(navigation?.parentSpanId).toBeUndefined();
});

test("what a router fetches ahead is a kept trace like any other", async () => {
  const shop = open();
  await fetch("/next", { headers: { "next-router-prefetch": "1" } });
  expect(shop.sent[0]?.headers.get("traceparent")).toMatch(/-01$/);
  await requestOf(shop, "/next");
});

test("a request that a navigation claims stays with the code that made it", async () => {
  const claiming: WebInstrument = ({ tracer, claimRequests }) => {
    const navigation = trace.setSpan(ROOT_CONTEXT, tracer.startSpan("navigate push"));
    claimRequests(() => navigation);
    return { stop: () => undefined };
  };
  const shop = open(undefined, [claiming]);
  const clicked = withSpan("click", async (span) => {
    await fetch("/next-page");
    return span.spanContext().spanId;
  });
  expect((await requestOf(shop, "/next-page")).parentSpanId).toBe(await clicked);
});
