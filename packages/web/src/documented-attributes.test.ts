import { afterEach, expect, test } from "vitest";
import { commands, userEvent } from "vitest/browser";
import { type FakePage, openFakePage } from "../test/fake-page.ts";
import { traceErrors } from "./error/uncaught-errors.ts";
import { traceSession } from "./identity/session.ts";
import { setUser } from "./identity/user.ts";
import type { WebInstrument } from "./instrument.ts";
import { traceNavigation } from "./page/navigation.ts";
import { tracePageLoad } from "./page/page-load.ts";
import { traceWebVitals } from "./page/web-vitals.ts";
import { traceXhr } from "./request/xhr.ts";
import { withSpan } from "./with-span.ts";

const { pathname } = location;
let page: FakePage;

afterEach(async () => {
  await page.close();
  history.replaceState(null, "", pathname);
  document.body.replaceChildren();
});

interface Driven {
  readonly doc: string;
  readonly spans: RegExp;
  readonly instruments: readonly WebInstrument[];
  drive(): unknown;
}

const aborted = AbortSignal.abort();

const INSTRUMENTS: readonly Driven[] = [
  { doc: "click", spans: /^click/, instruments: [], drive: () => clickOn(() => fetch("/orders")) },
  {
    doc: "fetch",
    spans: /^(GET|POST)$/,
    instruments: [],
    drive: () =>
      Promise.allSettled([fetch("/a"), fetch("/b", { method: "POST", body: "x", signal: aborted })]),
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
    doc: "web-vitals",
    spans: /^web vital/,
    instruments: [traceWebVitals()],
    drive: () =>
      expect.poll(async () => (await page.spans()).some(({ name }) => /TTFB/.test(name))).toBe(true),
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
];

async function clickOn(listener: () => unknown): Promise<void> {
  document.body.innerHTML = "<button>Buy</button>";
  const button = document.body.firstElementChild as HTMLElement;
  button.addEventListener("click", listener);
  await userEvent.click(button);
}

test.each(INSTRUMENTS)(
  "the page about $doc lists every attribute on its spans",
  async ({ doc, spans, instruments, drive }) => {
    page = openFakePage({ instruments });
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
