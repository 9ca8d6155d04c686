import { afterEach, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, openFakePage, type PostedSpan } from "../../test/fake-page.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
  document.body.replaceChildren();
});

function named(name: string): PostedSpan | undefined {
  return page.posted().find((span) => span.name === name);
}

/** One message now, and then whatever the test does. */
function createStream() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(started) {
      controller = started;
      started.enqueue(new TextEncoder().encode("data: 1\n\n"));
    },
  });
  return { stream, close: () => controller?.close() };
}

async function clickThat(run: () => Promise<unknown>): Promise<void> {
  const button = document.createElement("button");
  button.textContent = "Watch";
  button.addEventListener("click", () => void run());
  document.body.append(button);
  await userEvent.click(button);
}

async function readAll(response: Response): Promise<void> {
  const reader = response.body?.getReader();
  while (reader && !(await reader.read()).done);
}

test("a click that opens an event stream ends with its other work; the stream's span ends with the stream", async () => {
  const { stream, close } = createStream();
  page = openFakePage({}, (url) =>
    url.endsWith("/events")
      ? new Response(stream, { headers: { "content-type": "text/event-stream; charset=utf-8" } })
      : new Response("ok"),
  );
  let done = Promise.resolve();
  await clickThat(() => {
    done = fetch("/events").then(readAll);
    return fetch("/orders", { method: "POST" }).then((response) => response.text());
  });
  await expect.poll(() => named("click Watch"), { timeout: 4000 }).toBeDefined();
  expect(named("click Watch")?.attributes).not.toHaveProperty("throughline.ended_by");
  expect(named("GET")).toBeUndefined();
  close();
  await done;
  await page.tracing.flush();
  const [click, events] = [named("click Watch"), named("GET")];
  expect(events?.parentSpanId).toBe(click?.spanId);
  expect(BigInt(events?.endTimeUnixNano ?? 0)).toBeGreaterThan(BigInt(click?.endTimeUnixNano ?? 0));
  expect(BigInt(click?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(
    BigInt(named("POST")?.endTimeUnixNano ?? 0),
  );
  expect(page.posted()).toHaveLength(3);
});

test("a body of any type that is read piece by piece and stays open holds its click no longer than three seconds", async () => {
  const { stream, close } = createStream();
  page = openFakePage({}, () => new Response(stream));
  let done = Promise.resolve();
  await clickThat(() => {
    done = fetch("/chat").then(readAll);
    return done;
  });
  await expect.poll(() => named("click Watch"), { timeout: 8000 }).toBeDefined();
  expect(named("click Watch")?.attributes).not.toHaveProperty("throughline.ended_by");
  // It is not known at once that the body stays open, but the click did nothing else meanwhile.
  const lasted =
    BigInt(named("click Watch")?.endTimeUnixNano ?? 0) - BigInt(named("click Watch")?.startTimeUnixNano ?? 0);
  expect(lasted).toBeLessThan(2_000_000_000n);
  expect(named("GET")).toBeUndefined();
  close();
  await done;
  await page.tracing.flush();
  expect(named("GET")?.parentSpanId).toBe(named("click Watch")?.spanId);
});

test("a page that goes ends a stream that is open, and says so", async () => {
  page = openFakePage(
    {},
    () => new Response(createStream().stream, { headers: { "content-type": "text/event-stream" } }),
  );
  void fetch("/events").then(readAll);
  await expect.poll(() => page.sent.length).toBe(1);
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect(named("GET")?.attributes["throughline.ended_by"]).toBe("pagehide");
});
