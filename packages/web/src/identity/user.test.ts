import { DiagLogLevel, diag } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import { setUser, type TracedUser, withSpan } from "../index.ts";

let page: FakePage;

beforeEach(() => {
  page = openFakePage();
});

afterEach(async () => {
  setUser(undefined);
  diag.disable();
  await page.close();
});

async function attributesOf(name: string): Promise<Readonly<Record<string, unknown>>> {
  withSpan(name, () => undefined);
  return (await page.spans()).find((span) => span.name === name)?.attributes ?? {};
}

test("nobody is told by default, the user from setUser on, and nobody again after setUser(undefined)", async () => {
  expect(await attributesOf("before")).toEqual({});
  setUser({ id: "42", plan: "pro" });
  expect(await attributesOf("during")).toEqual({ "user.id": "42", "user.plan": "pro" });
  setUser({ id: "43" });
  expect(await attributesOf("other")).toEqual({ "user.id": "43" });
  setUser(undefined);
  expect(await attributesOf("after")).toEqual({});
});

test("a user who was told before the start is on the first span", async () => {
  await page.close();
  setUser({ id: "42" });
  page = openFakePage();
  expect(await attributesOf("first")).toEqual({ "user.id": "42" });
});

test("only texts of 1 to 256 characters are taken, and the others are told by name, not by value", async () => {
  const warn = vi.fn();
  const none = (): void => undefined;
  diag.setLogger({ warn, error: none, info: none, debug: none, verbose: none }, DiagLogLevel.WARN);
  const user = { id: "42", age: 7, empty: "", long: "x".repeat(257), nested: { email: "ada@shop.test" } };
  setUser(user as unknown as TracedUser);
  expect(await attributesOf("a")).toEqual({ "user.id": "42" });
  expect(warn.mock.calls).toEqual([
    ["@throughline/web: setUser leaves out age, empty, long, nested: expected texts of 1 to 256 characters"],
  ]);
});

test("the user is in no address, header or baggage, and in no storage", async () => {
  setUser({ id: "user-42" });
  await fetch("/orders").then((response) => response.text());
  const [request] = page.sent;
  expect([...(request?.headers.keys() ?? [])]).toEqual(["traceparent"]);
  expect(JSON.stringify([request?.url, [...(request?.headers ?? [])]])).not.toContain("user-42");
  expect(JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])).not.toContain(
    "user-42",
  );
});
