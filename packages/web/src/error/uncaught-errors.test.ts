import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, openFakePage, type PostedSpan } from "../../test/fake-page.ts";
import type { WebInstrument } from "../instrument.ts";
import { listen } from "../listen.ts";
import { withSpan } from "../with-span.ts";
import { traceErrors } from "./uncaught-errors.ts";

let page: FakePage;

beforeEach(() => {
  page = openFakePage({ instruments: [traceErrors()] });
});

afterEach(async () => {
  await page.close();
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

const NAME = "uncaught error";

async function errors(count: number): Promise<readonly PostedSpan[]> {
  const read = async () => (await page.spans()).filter(({ name }) => name === NAME);
  await expect.poll(async () => (await read()).length).toBe(count);
  return read();
}

interface Posted {
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
}

/** The attributes of the one exception event. */
function exceptionOf(span: PostedSpan | undefined): Readonly<Record<string, string>> {
  const { events = [] } = (span ?? {}) as { readonly events?: readonly Posted[] };
  expect(events.map(({ name }) => name)).toEqual(["exception"]);
  return Object.fromEntries(
    events.flatMap(({ attributes }) => attributes.map(({ key, value }) => [key, value.stringValue])),
  );
}

function throwLater(error: unknown): void {
  setTimeout(() => {
    throw error;
  }, 0);
}

test("an error without any context is a root span with type, message and stack", async () => {
  context.with(ROOT_CONTEXT, () => throwLater(new RangeError("too many")));
  const [span] = await errors(1);
  expect(span).toMatchObject({
    status: { code: 2, message: "too many" },
    attributes: { "error.type": "RangeError" },
  });
  expect(span?.parentSpanId).toBeUndefined();
  const exception = exceptionOf(span);
  expect(exception).toMatchObject({ "exception.type": "RangeError", "exception.message": "too many" });
  expect(exception["exception.stacktrace"]).toContain("uncaught-errors.test.ts");
});

test("an object that is no Error is told by its message", async () => {
  context.with(ROOT_CONTEXT, () => throwLater({ code: "23505", message: "duplicate key" }));
  const [span] = await errors(1);
  expect(exceptionOf(span)).toEqual({ "exception.type": "object", "exception.message": "duplicate key" });
});

test("something that tells nothing of itself makes no second error", async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const heard: unknown[] = [];
  const stop = listen(window, "unhandledrejection", (event) => {
    event.preventDefault();
    heard.push((event as PromiseRejectionEvent).reason);
  });
  const failed: unknown[] = [];
  const stopErrors = listen(window, "error", (event) => failed.push(event));
  // Not by a promise of its own, which would ask it for its `then`.
  dispatchEvent(
    new PromiseRejectionEvent("unhandledrejection", { promise: Promise.resolve(), reason: proxy }),
  );
  stop();
  stopErrors();
  expect([heard.length, failed]).toEqual([1, []]);
});

/** The id of a page load that is over, as most are when an error comes. */
async function openLoadedPage(): Promise<string> {
  await page.close();
  let spanId = "";
  const oldLoad: WebInstrument = ({ tracer, setPageContext }) => {
    const span = tracer.startSpan("page load", {}, ROOT_CONTEXT);
    ({ spanId } = span.spanContext());
    setPageContext(trace.setSpan(ROOT_CONTEXT, span));
    setPageContext(undefined);
    return { stop: () => undefined };
  };
  page = openFakePage({ instruments: [oldLoad, traceErrors()] });
  return spanId;
}

test("an error without a context belongs to the latest page load or navigation, long after that has ended", async () => {
  const view = await openLoadedPage();
  context.with(ROOT_CONTEXT, () => throwLater(new RangeError("too many")));
  const [span] = await errors(1);
  expect(span?.parentSpanId).toBe(view);
  expect(span?.attributes["throughline.parent"]).toBe("inferred");
});

test("an error of the server belongs to the page, not to the click that is open", async () => {
  const view = await openLoadedPage();
  document.body.innerHTML = "<button>Buy</button>";
  await userEvent.click(document.querySelector("button") ?? document.body);
  context.with(ROOT_CONTEXT, () =>
    throwLater(Object.assign(new Error("An error occurred"), { digest: "2861003716" })),
  );
  const [span] = await errors(1);
  expect(span?.parentSpanId).toBe(view);
  expect(span?.attributes["throughline.error.digest"]).toBe("2861003716");
});

test("a rejection that nobody handles is recorded, whatever the reason is", async () => {
  void Promise.reject(new TypeError("no cart"));
  void Promise.reject("just text");
  void Promise.reject(Object.create(null));
  const spans = await errors(3);
  expect(spans.map(({ attributes, status }) => [attributes["error.type"], status.message])).toEqual([
    ["TypeError", "no cart"],
    ["string", "just text"],
    ["object", "object"],
  ]);
});

test("an error that a click's handler throws is below that click, and the click is told though it did nothing else", async () => {
  document.body.innerHTML = "<button>Buy</button><button>Other</button>";
  const [button, other] = document.querySelectorAll("button");
  if (!button || !other) throw new Error("no buttons");
  button.addEventListener("click", () => throwLater(new Error("broken handler")));
  other.addEventListener("click", () => undefined);
  // Two open clicks: no guess could tell them apart.
  await userEvent.click(other);
  await userEvent.click(button);
  const [span] = await errors(1);
  const click = (await page.spans()).find(({ name }) => name === "click Buy");
  expect(click).toBeDefined();
  expect(span?.parentSpanId).toBe(click?.spanId);
  expect(span?.attributes["throughline.parent"]).toBeUndefined();
});

test("an error whose context is lost goes to the one open click and says that this is a guess", async () => {
  document.body.innerHTML = "<button>Buy</button>";
  const button = document.querySelector("button");
  if (!button) throw new Error("no button");
  await userEvent.click(button);
  context.with(ROOT_CONTEXT, () => throwLater(new Error("lost")));
  const [span] = await errors(1);
  expect(span?.parentSpanId).toBe((await page.spans()).find(({ name }) => name === "click Buy")?.spanId);
  expect(span?.attributes["throughline.parent"]).toBe("inferred");
});

test("an error that withSpan has recorded is not recorded again", async () => {
  const told: unknown[] = [];
  const listen = (event: Event): void => void told.push(event);
  window.addEventListener("error", listen);
  setTimeout(() => withSpan("reserve", () => throwNow(new Error("no stock"))), 0);
  await expect.poll(() => told.length).toBe(1);
  window.removeEventListener("error", listen);
  expect((await page.spans()).map(({ name }) => name)).toEqual(["reserve"]);
});

function throwNow(error: Error): never {
  throw error;
}

test("the same error object is recorded once", async () => {
  const error = new Error("again");
  const heard = vi.fn();
  window.addEventListener("error", heard);
  reportError(error);
  reportError(error);
  expect(heard).toHaveBeenCalledTimes(2);
  window.removeEventListener("error", heard);
  await errors(1);
});

test("of a flood ten are recorded and the others are counted", async () => {
  for (let count = 1; count <= 25; count++) reportError(new Error(`number ${count}`));
  await errors(10);
  await page.close();
  const last = page.posted().at(-1);
  expect(page.posted()).toHaveLength(11);
  expect(last?.attributes["throughline.errors.dropped"]).toBe(15);
});

test("after a minute errors are recorded again, the first one with the count", async () => {
  let now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => now);
  for (let count = 1; count <= 12; count++) reportError(new Error(`number ${count}`));
  now += 60_001;
  reportError(new Error("later"));
  const spans = await errors(11);
  expect(spans.at(-1)?.attributes["throughline.errors.dropped"]).toBe(2);
});

test("personal data in URLs of a message does not leave the page, and a long text is cut", async () => {
  reportError(new Error("https://ada:pw@shop.test/me?email=ada@shop.test#top"));
  reportError(new Error("x".repeat(5000)));
  const [scrubbed, long] = await errors(2);
  expect(exceptionOf(scrubbed)["exception.message"]).toBe("https://shop.test/me?email=REDACTED");
  expect(exceptionOf(scrubbed)["exception.stacktrace"]).not.toContain("ada");
  expect(exceptionOf(long)["exception.message"]).toHaveLength(1024);
});

test("a script of another origin is told as the browser tells it", async () => {
  window.dispatchEvent(new ErrorEvent("error", { message: "Script error." }));
  const [span] = await errors(1);
  expect(span?.status.message).toBe("Script error.");
});

test("an image that does not load is no error", async () => {
  const image = document.createElement("img");
  const failed = new Promise((resolve) => image.addEventListener("error", resolve));
  image.src = "data:image/png;base64,none";
  document.body.append(image);
  await failed;
  reportError(new Error("the only one"));
  const [span] = await errors(1);
  expect(span?.status.message).toBe("the only one");
});

test("a Next.js digest is kept, so that the server's span can be found", async () => {
  reportError(Object.assign(new Error("An error occurred"), { digest: "2861003716" }));
  const [span] = await errors(1);
  expect(span?.attributes["throughline.error.digest"]).toBe("2861003716");
});

test("what Next.js throws to steer is no error: a server action that redirects and is not awaited", async () => {
  const steer = () => Object.assign(new Error("NEXT_REDIRECT"), { digest: "NEXT_REDIRECT;push;/done;307;" });
  let rejected = 0;
  const leave = listen(window, "unhandledrejection", () => rejected++);
  void Promise.reject(steer());
  await expect.poll(() => rejected).toBe(1);
  leave();
  reportError(steer());
  reportError(new Error("a real one"));
  const [span] = await errors(1);
  expect(span?.status.message).toBe("a real one");
});

test("after a stop nothing is recorded and the trace API works on", async () => {
  await page.close();
  page = openFakePage();
  const heard = vi.fn();
  window.addEventListener("error", heard);
  reportError(new Error("not ours"));
  window.removeEventListener("error", heard);
  expect(heard).toHaveBeenCalledTimes(1);
  const span = trace.getTracer("test").startSpan("mine");
  span.end();
  expect((await page.spans()).map(({ name }) => name)).toEqual(["mine"]);
});

test.each([
  ["no message", Object.assign(new Error("a"), { message: undefined })],
  ["an object as message", Object.assign(new Error("a"), { message: { code: 7 } })],
  ["a message without a text", Object.assign(new Error("a"), { message: Object.create(null) })],
  ["a list as stack", Object.assign(new Error("a"), { stack: ["at buy"] })],
  ["no text at all", Object.create(null)],
])("what is thrown with %s is one span, and the page hears of that and no other", async (_what, odd) => {
  const heard: unknown[] = [];
  const hear = ({ error }: ErrorEvent): unknown => heard.push(error);
  window.addEventListener("error", hear);
  reportError(odd);
  await errors(1);
  window.removeEventListener("error", hear);
  expect(heard).toEqual([odd]);
});
