import { createElement, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../test/fake-page.ts";
import { traceErrors } from "./error/uncaught-errors.ts";
import { TraceErrorBoundary, traceError, useTraceError } from "./react.ts";

let page: FakePage;
let root: Root;
let place: HTMLElement;
const uncaught = vi.fn();

beforeEach(() => {
  page = openFakePage({ instruments: [traceErrors()] });
  place = document.createElement("main");
  document.body.append(place);
  root = createRoot(place, { onUncaughtError: uncaught, onCaughtError: () => undefined });
});

afterEach(async () => {
  root.unmount();
  await page.close();
  document.body.replaceChildren();
  uncaught.mockClear();
});

function Broken({ error }: { readonly error: unknown }): ReactNode {
  throw error;
}

function ErrorPage({ error }: { readonly error: unknown }): ReactNode {
  useTraceError(error);
  return "error page";
}

const digested = () => Object.assign(new Error("An error occurred"), { digest: "2861003716" });

test("a boundary shows its fallback and records the error, its components and Next.js's digest", async () => {
  const fallback = createElement("p", null, "Sorry");
  const child = createElement(Broken, { error: digested() });
  root.render(createElement(TraceErrorBoundary, { fallback }, child));
  await expect.poll(() => place.textContent).toBe("Sorry");
  const spans = await page.spans();
  expect(spans.map(({ name, status }) => [name, status.code])).toEqual([["caught error", 2]]);
  expect(spans[0]?.attributes).toMatchObject({
    "error.type": "Error",
    "throughline.error.digest": "2861003716",
    "throughline.error.component_stack": expect.stringContaining("Broken"),
  });
});

test("reset tries the children again", async () => {
  let broken = true;
  const Flaky = (): ReactNode => (broken ? createElement(Broken, { error: new Error("once") }) : "fine");
  let reset: () => void = () => undefined;
  const fallback = (error: unknown, again: () => void): ReactNode => {
    reset = again;
    return String(error);
  };
  root.render(createElement(TraceErrorBoundary, { fallback }, createElement(Flaky)));
  await expect.poll(() => place.textContent).toBe("Error: once");
  broken = false;
  reset();
  await expect.poll(() => place.textContent).toBe("fine");
});

test("a redirect of Next.js goes through to the router and is no error", async () => {
  const redirect = Object.assign(new Error("NEXT_REDIRECT"), { digest: "NEXT_REDIRECT;replace;/;307;" });
  root.render(
    createElement(TraceErrorBoundary, { fallback: "caught" }, createElement(Broken, { error: redirect })),
  );
  await expect.poll(() => uncaught.mock.calls.length).toBe(1);
  expect(uncaught.mock.calls[0]?.[0]).toBe(redirect);
  expect(await page.spans()).toEqual([]);
});

test("an error page records what it was given, once for each error", async () => {
  const first = digested();
  root.render(createElement(ErrorPage, { error: first }));
  await expect.poll(async () => (await page.spans()).length).toBe(1);
  root.render(createElement(ErrorPage, { error: first, key: "mounted again" }));
  root.render(createElement(ErrorPage, { error: new Error("second"), key: "other" }));
  await expect.poll(async () => (await page.spans()).length).toBe(2);
  expect((await page.spans())[1]?.status.message).toBe("second");
});

test("without traceErrors an error that was caught is still recorded", async () => {
  await page.close();
  page = openFakePage();
  const error = new Error("no instrument");
  traceError(error);
  traceError(error);
  expect((await page.spans()).map(({ name, status }) => [name, status.message])).toEqual([
    ["caught error", "no instrument"],
  ]);
});
