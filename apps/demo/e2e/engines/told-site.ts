import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect } from "@playwright/test";
import { build } from "esbuild";
import { type PostedSpan, spansInPost } from "../posted-span.ts";
import type { Tab } from "./engine.ts";

const APP = `
import {
  setConsent, startWebTracing, traceErrors, traceInteractions, traceNavigation, traceSession, traceXhr,
} from "@throughline/web";
startWebTracing({
  endpoint: "/v1/traces",
  consent: new URLSearchParams(location.search).get("consent") ?? "granted",
  instruments: [traceSession(), traceNavigation(), traceInteractions(), traceErrors(), traceXhr()],
});
const get = (path) => {
  const request = new XMLHttpRequest();
  request.open("GET", path);
  request.send();
};
document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  fetch("/submitted", { method: "POST" });
});
window.acts = {
  navigate: () => history.pushState(null, "", "/orders?token=secret"),
  fail: () => setTimeout(() => { throw new Error("expected") }),
  reject: () => { Promise.reject(new TypeError("unhandled")) },
  xhr: () => get("/by-xhr"),
  cut: () => fetch("/cut").catch(() => undefined),
  abort: () => {
    const control = new AbortController();
    fetch("/never", { signal: control.signal }).catch(() => undefined);
    control.abort();
  },
  grant: () => setConsent("granted"),
};
`;

const HEAD =
  '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><form><button>Order</button></form><script type="module" src="/app.js"></script>';

/** What a page tells of itself, by its server: `name · kind`, with what became of it. */
export interface ToldSite {
  readonly url: string;
  readonly told: () => readonly string[];
  /** Of requests that are none of ours: `path` and whether a `traceparent` came. */
  readonly asked: () => readonly string[];
  readonly stop: () => void;
}

interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface Span extends PostedSpan {
  readonly attributes: readonly KeyValue[];
  readonly status?: { readonly code?: number };
}

export async function startToldSite(): Promise<ToldSite> {
  const { outputFiles } = await build({
    stdin: { contents: APP, resolveDir: import.meta.dirname },
    bundle: true,
    format: "esm",
    write: false,
  });
  const files: Readonly<Record<string, readonly [type: string, text: string]>> = {
    "/": ["text/html", HEAD],
    "/app.js": ["text/javascript", outputFiles[0]?.text ?? ""],
  };
  const told: string[] = [];
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://site");
    const body = await text(request).catch(() => "");
    const file = files[pathname];
    if (pathname === "/v1/traces") told.push(...(spansInPost(body) as readonly Span[]).map(lineOf));
    else if (!file) asked.push(`${pathname} ${request.headers.traceparent ? "with" : "without"} traceparent`);
    const [type, answer] = file ?? ["application/json", "{}"];
    if (pathname === "/cut") request.socket.destroy();
    else if (pathname !== "/never") response.setHeader("content-type", type).end(answer);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    told: () => told.toSorted(),
    asked: () => [...new Set(asked)].sort(),
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function lineOf({ name, attributes, status }: Span): string {
  const attributeOf = (key: string) => attributes.find((each) => each.key === key)?.value.stringValue;
  const path = attributeOf("url.full") && new URL(attributeOf("url.full") ?? "").pathname;
  const parts = [name, path, attributeOf("error.type"), status?.code === 2 ? "ERROR" : undefined];
  return parts.filter(Boolean).join(" · ");
}

/** The same in every engine: how a browser words a failure is its own, and is not asked. */
const TOLD = [
  "GET · /by-xhr",
  "GET · /cut · TypeError · ERROR",
  "GET · /never",
  "POST · /submitted",
  "click Order",
  "navigate /orders",
  "uncaught error · Error · ERROR",
  "uncaught error · TypeError · ERROR",
];

/** A click that submits, a navigation, uncaught errors, XHR, failed and cancelled requests. */
export async function expectEverythingTold(tab: Tab, site: ToldSite): Promise<void> {
  await open(tab, `${site.url}/`);
  await tab.click("Order");
  for (const act of ["navigate", "fail", "reject", "xhr", "cut", "abort"])
    await tab.evaluate(`acts.${act}()`);
  await expect.poll(site.told).toEqual(TOLD);
  expect(site.asked()).toEqual(
    expect.arrayContaining([
      "/by-xhr with traceparent",
      "/cut with traceparent",
      "/submitted with traceparent",
    ]),
  );
}

/** Nothing of a visit without consent leaves the page or stays in it; what comes after a grant does. */
export async function expectConsentKept(tab: Tab, site: ToldSite): Promise<void> {
  await open(tab, `${site.url}/?consent=denied`);
  await tab.click("Order");
  for (const act of ["fail", "xhr"]) await tab.evaluate(`acts.${act}()`);
  await expect.poll(site.asked).toEqual(["/by-xhr without traceparent", "/submitted without traceparent"]);
  expect(
    await tab.evaluate("return sessionStorage.length + localStorage.length + document.cookie.length"),
  ).toBe(0);
  await tab.evaluate("acts.grant(); acts.xhr()");
  await expect.poll(site.told).toEqual(["GET · /by-xhr"]);
  expect(site.asked()).toContain("/by-xhr with traceparent");
}

async function open(tab: Tab, url: string): Promise<void> {
  await tab.goto(url);
  await expect.poll(() => tab.evaluate("return 'acts' in window")).toBe(true);
}
