import { afterEach, expect, test } from "vitest";
import { traceListeners } from "./listeners.ts";
import type { Registration } from "./registrations.ts";

let traced = 0;
const tracing = {
  note: () => undefined,
  run(_event: Event, _target: EventTarget, call: () => unknown) {
    traced++;
    return call();
  },
};
let stop: () => readonly Registration[] = () => [];

function start(inherited: readonly Registration[] = []): void {
  traced = 0;
  stop = traceListeners(tracing, inherited);
}

afterEach(() => {
  stop();
});

function createButton(): HTMLButtonElement {
  return document.createElement("button");
}

test("a listener runs traced, with its own this and event", () => {
  start();
  const button = createButton();
  const seen: unknown[] = [];
  button.addEventListener("click", function (this: unknown, event) {
    seen.push(this, event.type);
  });
  button.click();
  expect(seen).toEqual([button, "click"]);
  expect(traced).toBe(1);
});

test("a removed listener is removed", () => {
  start();
  const button = createButton();
  let calls = 0;
  const listener = () => calls++;
  button.addEventListener("click", listener);
  button.removeEventListener("click", listener);
  button.click();
  expect(calls).toBe(0);
});

test("adding a listener twice calls it once, and capture makes a second one", () => {
  start();
  const button = createButton();
  let calls = 0;
  const listener = () => calls++;
  button.addEventListener("click", listener);
  button.addEventListener("click", listener, false);
  button.addEventListener("click", listener, { capture: true });
  button.click();
  expect(calls).toBe(2);
  button.removeEventListener("click", listener, true);
  button.click();
  expect(calls).toBe(3);
});

test("a listener from before the tracing that is added again runs once", () => {
  const button = createButton();
  let calls = 0;
  const listener = () => calls++;
  button.addEventListener("click", listener);
  start();
  button.addEventListener("click", listener);
  button.click();
  expect([calls, traced]).toEqual([1, 1]);
  button.removeEventListener("click", listener);
  button.click();
  expect(calls).toBe(1);
});

test("a listener of a port can be removed after a stop", async () => {
  start();
  const { port1, port2 } = new MessageChannel();
  const seen: string[] = [];
  const removed = () => seen.push("removed");
  port1.addEventListener("message", removed);
  const kept = new Promise<void>((resolve) => {
    port1.addEventListener("message", () => {
      seen.push("kept");
      resolve();
    });
  });
  stop();
  port1.removeEventListener("message", removed);
  port1.start();
  port2.postMessage("");
  await kept;
  port1.close();
  expect(seen).toEqual(["kept"]);
});

test("a listener object is asked for handleEvent when the event comes", () => {
  start();
  const button = createButton();
  const seen: string[] = [];
  const listener = { handleEvent: () => seen.push("old") };
  button.addEventListener("click", listener);
  listener.handleEvent = () => seen.push("new");
  button.click();
  expect(seen).toEqual(["new"]);
});

test("once and signal keep their meaning", () => {
  start();
  const button = createButton();
  const controller = new AbortController();
  const seen: string[] = [];
  button.addEventListener("click", () => seen.push("once"), { once: true });
  button.addEventListener("click", () => seen.push("signal"), { signal: controller.signal });
  button.click();
  controller.abort();
  button.click();
  expect(seen).toEqual(["once", "signal"]);
});

test("null, other event types and global calls pass as they are", () => {
  start();
  const button = createButton();
  let calls = 0;
  const listener = () => calls++;
  // The platform takes null, which the types leave out.
  Reflect.apply(button.addEventListener, button, ["click", null]);
  button.addEventListener("focus", listener);
  button.dispatchEvent(new Event("focus"));
  // What a bare `addEventListener(…)` is: no this.
  Reflect.apply(EventTarget.prototype.addEventListener, undefined, ["click", listener]);
  window.dispatchEvent(new Event("click"));
  Reflect.apply(EventTarget.prototype.removeEventListener, undefined, ["click", listener]);
  window.dispatchEvent(new Event("click"));
  expect([calls, traced]).toEqual([2, 1]);
});

test("a listener from before tracing can be removed while it runs", () => {
  const button = createButton();
  let calls = 0;
  const listener = () => calls++;
  button.addEventListener("click", listener);
  start();
  button.removeEventListener("click", listener);
  button.click();
  expect(calls).toBe(0);
});

test("a stop puts the page's own functions back", () => {
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const onclick = Object.getOwnPropertyDescriptor(HTMLElement.prototype, "onclick");
  start();
  expect(EventTarget.prototype.addEventListener).not.toBe(addEventListener);
  stop();
  expect(EventTarget.prototype.addEventListener).toBe(addEventListener);
  expect(EventTarget.prototype.removeEventListener).toBe(removeEventListener);
  expect(Object.getOwnPropertyDescriptor(HTMLElement.prototype, "onclick")).toEqual(onclick);
});

test("after a stop listeners still run in their order, untraced, and can be removed", () => {
  start();
  const button = createButton();
  const seen: string[] = [];
  const first = () => seen.push("first");
  button.addEventListener("click", first);
  button.addEventListener("click", () => seen.push("second"));
  button.addEventListener("click", () => seen.push("once"), { once: true });
  button.click();
  stop();
  traced = 0;
  button.click();
  button.removeEventListener("click", first);
  button.click();
  expect(seen).toEqual(["first", "second", "once", "first", "second", "second"]);
  expect(traced).toBe(0);
});

test("a second start traces the listeners of the first one again, each once", () => {
  start();
  const button = createButton();
  let calls = 0;
  const listener = () => calls++;
  button.addEventListener("click", listener);
  start(stop());
  button.click();
  expect([calls, traced]).toEqual([1, 1]);
  button.removeEventListener("click", listener);
  button.click();
  expect(calls).toBe(1);
});

test("an onclick property runs traced and reads as what was assigned", () => {
  start();
  const button = createButton();
  let calls = 0;
  const handler = () => calls++;
  button.onclick = handler;
  button.click();
  expect([button.onclick, calls, traced]).toEqual([handler, 1, 1]);
});
