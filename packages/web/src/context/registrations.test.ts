import { expect, test } from "vitest";
import { createRegistrations } from "./registrations.ts";

test("a listener that a signal takes off the page is kept no longer than the next one", () => {
  const registrations = createRegistrations();
  const target = new EventTarget();
  const add = (signal?: AbortSignal): void =>
    registrations.add({ target, type: "click", listener: () => undefined, options: { signal } });
  const component = new AbortController();
  add();
  add(component.signal);
  expect(registrations.all()).toHaveLength(2);
  component.abort();
  expect(registrations.all()).toHaveLength(1);
});
