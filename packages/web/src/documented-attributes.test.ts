import { afterEach, expect, test, vi } from "vitest";
import { commands, userEvent } from "vitest/browser";
import { type FakePage, openFakePage, show } from "../test/fake-page.ts";
import { hide, tellInp, useSlowly } from "../test/used-page.ts";
import { traceErrors } from "./error/uncaught-errors.ts";
import { traceSession } from "./identity/session.ts";
import { setUser } from "./identity/user.ts";
import type { WebInstrument } from "./instrument.ts";
import { traceInteractions } from "./interaction/interactions.ts";
import { traceNavigation } from "./page/navigation.ts";
import { tracePageLoad } from "./page/page-load.ts";
import { traceWebVitals } from "./page/web-vitals.ts";
import { traceError } from "./react.ts";
import { traceResourceTiming } from "./request/resource-timing.ts";
import { traceXhr } from "./request/xhr.ts";
import { withSpan } from "./with-span.ts";

const { pathname } = location;
const native = globalThis.fetch;
let page: FakePage;

afterEach(async () => {
  await page.close();
  vi.restoreAllMocks();
  history.replaceState(null, "", pathname);
  document.body.replaceChildren();
});

interface Driven {
  readonly doc: string;
  readonly spans: RegExp;
  readonly instruments: readonly WebInstrument[];
  readonly answer?: (url: string) => Promise<Response>;
  drive(): unknown;
}

const aborted = AbortSignal.abort();

const INSTRUMENTS: readonly Driven[] = [
  { doc: "click", spans: /^click/, instruments: [], drive: () => clickOn(() => fetch("/orders")) },
  {
    doc: "click",
    spans: /^submit/,
    instruments: [traceInteractions()],
    async drive() {
      const input = show("<form><input data-here></form>");
      input.closest("form")?.addEventListener("submit", (event) => {
        event.preventDefault();
        void fetch("/orders");
      });
      await userEvent.type(input, "tea{Enter}");
    },
  },
  {
    doc: "click",
    spans: /^key/,
    instruments: [traceInteractions()],
    async drive() {
      const button = show("<button>Buy</button>");
      button.addEventListener("click", () => fetch("/orders"));
      button.focus();
      await userEvent.keyboard(" ");
    },
  },
  {
    doc: "fetch",
    spans: /^(GET|POST)$/,
    instruments: [],
    drive: () =>
      Promise.allSettled([fetch("/a"), fetch("/b", { method: "POST", body: "x", signal: aborted })]),
  },
  {
    doc: "fetch",
    spans: /^GET$/,
    instruments: [traceResourceTiming()],
    answer: (url) => native(url),
    drive: async () => (await fetch(pathname)).text(),
  },
  {
    doc: "xhr",
    spans: /^GET$/,
    instruments: [traceXhr()],
    drive: () =>
      new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open("GET", pathname);
        request.onloadend = resolve;
        request.send();
      }),
  },
  {
    doc: "navigation",
    spans: /^navigate/,
    instruments: [traceNavigation()],
    drive: () => history.pushState(null, "", "/orders/7"),
  },
  {
    doc: "page-load",
    spans: /^(page|document|resource)/,
    instruments: [tracePageLoad()],
    drive: () => undefined,
  },
  {
    doc: "page-load",
    spans: /^page view/,
    instruments: [tracePageLoad()],
    async drive() {
      window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
      window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
      await expect.poll(names).toContain("page view");
    },
  },
  {
    doc: "web-vitals",
    spans: /^(web vital|long task)/,
    instruments: [traceWebVitals({ longTasks: true })],
    async drive() {
      await useSlowly();
      const hidden = () => {
        hide();
        return names();
      };
      const told = ["web vital TTFB", "web vital INP", "web vital CLS", "web vital LCP", "long task"];
      await expect.poll(hidden).toEqual(expect.arrayContaining(told));
    },
  },
  {
    doc: "web-vitals",
    spans: /^script/,
    instruments: [traceWebVitals()],
    drive() {
      pretendSlowFrame();
      hide();
    },
  },
  {
    doc: "privacy",
    spans: /^own$/,
    instruments: [traceSession()],
    drive() {
      setUser({ id: "42" });
      withSpan("own", () => undefined);
      setUser(undefined);
    },
  },
  {
    doc: "errors",
    spans: /error/,
    instruments: [traceErrors()],
    drive: () => window.dispatchEvent(new ErrorEvent("error", { error: new TypeError("no stock") })),
  },
  {
    doc: "errors",
    spans: /^caught error/,
    instruments: [traceErrors()],
    drive: () => traceError(new TypeError("no stock"), { componentStack: "at Shop" }),
  },
];

/** An interaction and the frame that it was slow in; headless browsers tell frames of a test page only at times. */
function pretendSlowFrame(): void {
  const script = {
    startTime: 150,
    duration: 60,
    invokerType: "event-listener",
    invoker: "BUTTON#buy.onclick",
    sourceURL: "https://shop.test/app.js",
    sourceFunctionName: "buy",
  };
  const frame = { duration: 200, firstUIEventTimestamp: 100, scripts: [script] };
  vi.spyOn(PerformanceObserver.prototype, "takeRecords").mockReturnValue([
    frame as unknown as PerformanceEntry,
  ]);
  tellInp();
}

async function names(): Promise<readonly string[]> {
  return (await page.spans()).map(({ name }) => name);
}

async function clickOn(listener: () => unknown): Promise<void> {
  const button = show("<button>Buy</button>");
  button.addEventListener("click", listener);
  await userEvent.click(button);
}

test.each(INSTRUMENTS)(
  "the page about $doc lists every attribute on spans like $spans",
  async ({ doc, spans, instruments, answer, drive }) => {
    page = openFakePage({ instruments }, answer);
    await drive();
    const told = (await page.spans()).filter(({ name }) => spans.test(name));
    const written = new Set(told.flatMap(({ attributes }) => Object.keys(attributes)));
    expect(written.size).toBeGreaterThan(0);
    const text = await commands.readFile(`../../docs/browser/${doc}.md`);
    const table = text.slice(text.indexOf("<!-- attributes:"), text.indexOf("<!-- /attributes -->"));
    const listed = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
    expect([...written].filter((name) => !listed.includes(name))).toEqual([]);
  },
);
