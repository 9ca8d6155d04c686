import { trace } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, openFakePage } from "../test/fake-page.ts";
import { tellInp } from "../test/used-page.ts";
import * as web from "./index.ts";
import type { WebInstrument } from "./instrument.ts";
import { traceError } from "./react.ts";

const SECRET = "s3cr3t";
/** Every place of a URL that is not its path. */
const secretUrl = (path: string) => `${path}?token=${SECRET}&${SECRET}&a=1#${SECRET}`;
const withCredentials = (path: string) =>
  `${location.protocol}//${SECRET}:${SECRET}@${location.host}${secretUrl(path)}`;

const { pathname } = location;
let page: FakePage | undefined;

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  history.replaceState(null, "", secretUrl(pathname));
});

afterEach(async () => {
  await page?.close();
  page = undefined;
  vi.restoreAllMocks();
  history.replaceState(null, "", pathname);
  document.body.replaceChildren();
});

/** All that `index.ts` has to start, so that a new instrument is driven here too. */
const INSTRUMENTS: Readonly<Record<string, () => WebInstrument>> = {
  traceSession: web.traceSession,
  awaitHook: web.awaitHook,
  offlineQueue: web.offlineQueue,
  traceErrors: web.traceErrors,
  traceInteractions: web.traceInteractions,
  traceNavigation: web.traceNavigation,
  traceOtherClicks: web.traceOtherClicks,
  tracePageLoad: web.tracePageLoad,
  traceWebVitals: () => web.traceWebVitals({ longTasks: true }),
  traceResourceTiming: web.traceResourceTiming,
  traceXhr: web.traceXhr,
};
const NO_INSTRUMENTS = [
  "bind",
  "onRouterTransitionStart",
  "setConsent",
  "setUser",
  "startWebTracing",
  "withSpan",
];

test("this file drives every instrument there is", () => {
  expect([...Object.keys(INSTRUMENTS), ...NO_INSTRUMENTS].sort()).toEqual(Object.keys(web).sort());
});

test("what is secret in a query, a fragment or credentials is in no byte that is posted, stored or sent", async () => {
  await loadImage(secretUrl("/logo.png"));
  const instruments = Object.values(INSTRUMENTS).map((create) => create());
  page = openFakePage({ instruments }, (url) => {
    if (url.includes("/lost")) throw new TypeError(`no answer from ${withCredentials("/lost")}`);
    return new Response("ok");
  });

  await clickOn(`Pay ${withCredentials("/pay")}`, () => fetch(secretUrl("/orders")));
  await submitForm(`Search ${withCredentials("/search")}`, () => fetch(secretUrl("/search")));
  await Promise.allSettled([
    fetch(new Request(secretUrl("/request")), { method: "POST", body: SECRET }),
    fetch(withCredentials("/credentials")),
    fetch(secretUrl("/lost")),
    xhr(secretUrl(pathname)),
    xhr(withCredentials(pathname)),
  ]);
  history.pushState(null, "", secretUrl("/cart"));
  history.replaceState(null, "", secretUrl(pathname));

  const error = new RangeError(`no ${withCredentials("/stock")}`);
  error.stack = `RangeError: x\n    at buy (${secretUrl(`${location.origin}/app.js`)}:1:2)\n    at ${withCredentials("/b.js")}`;
  window.dispatchEvent(new ErrorEvent("error", { error }));
  traceError(new Error(`GET ${secretUrl("/me")} failed`), {
    componentStack: `\n at Buy (${secretUrl(`${location.origin}/buy.js`)}:1:2)`,
  });
  expect(() =>
    web.withSpan(`sync ${secretUrl("/sync")}`, { attributes: { href: withCredentials("/own") } }, () => {
      throw error;
    }),
  ).toThrow(error);
  trace
    .getTracer("app")
    .startSpan("app", { attributes: { urls: [secretUrl("/one")] } })
    .addEvent(`asked ${secretUrl("/event")}`)
    .end();
  reportSlowInteraction();

  const spans = await page.spans();
  const names = new Set(spans.map(({ name }) => name.replace(/ .*/, "")));
  // A test that drives nothing would pass too.
  for (const name of [
    "click",
    "submit",
    "GET",
    "POST",
    "navigate",
    "page",
    "document",
    "resource",
    "web",
    "script",
  ])
    expect([...names]).toContain(name);
  for (const name of ["uncaught", "caught", "sync", "app"]) expect([...names]).toContain(name);
  expect(spans.filter(({ attributes }) => !("browser.document.url.full" in attributes))).toEqual([]);
  const leaks = spans.filter((span) => JSON.stringify(span).includes(SECRET));
  expect(leaks).toEqual([]);
  expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain(SECRET);
  const headers = page.sent.map(({ headers }) => [...headers]);
  expect(JSON.stringify(headers)).not.toContain(SECRET);
});

async function loadImage(src: string): Promise<void> {
  const image = new Image();
  const settled = new Promise((resolve) => {
    image.onload = resolve;
    image.onerror = resolve;
  });
  image.src = src;
  await settled;
  await expect
    .poll(() => performance.getEntriesByType("resource").some(({ name }) => name.includes("logo")))
    .toBe(true);
}

async function clickOn(label: string, listener: () => unknown): Promise<void> {
  const button = document.createElement("button");
  button.textContent = "Pay";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => void listener());
  document.body.append(button);
  await userEvent.click(button);
}

async function submitForm(label: string, listener: () => unknown): Promise<void> {
  const form = document.createElement("form");
  form.setAttribute("aria-label", label);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    listener();
  });
  const field = document.createElement("input");
  form.append(field);
  document.body.append(form);
  await userEvent.type(field, `${SECRET}{Enter}`);
}

function xhr(url: string): Promise<unknown> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.onloadend = resolve;
    request.send();
  });
}

/** Headless browsers tell the frames of a test page only at times: the frame is made, its way out is the real one. */
function reportSlowInteraction(): void {
  const frame = {
    startTime: 100,
    duration: 200,
    firstUIEventTimestamp: 100,
    scripts: [
      {
        startTime: 150,
        duration: 50,
        invokerType: "resolve-promise",
        invoker: `${withCredentials("/chunk.js")}`,
        sourceURL: secretUrl(`${location.origin}/chunk.js`),
        sourceFunctionName: "buy",
      },
    ],
  } as unknown as PerformanceEntry;
  vi.spyOn(PerformanceObserver.prototype, "takeRecords").mockReturnValue([frame]);
  tellInp();
  // It is told when the page hides.
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
}
