import { expect, type Frame, type Page, test } from "@playwright/test";
import { bundled, documentOf, type EmbeddedSite, startEmbeddedSite, type ToldSpan } from "./embedded-site.ts";

// Pages that are not alone: in frames, behind a service worker, with a second copy of the kit.

const start = (entry: string): string => `
import { startWebTracing } from "${entry}";
const asked = new URLSearchParams(location.search);
if (asked.has("traced")) window.tracing = startWebTracing({ serviceName: asked.get("traced") });
document.querySelector("button")?.addEventListener("click", () => fetch("/api/clicked?" + asked.get("traced")));
window.ask = (how) => how === "fetch" ? fetch("/api/asked").then(({ status }) => status, () => "failed") : new Promise((resolve) => {
  const request = new XMLHttpRequest();
  request.onloadend = () => resolve(request.status || "failed");
  request.open("GET", "/api/asked");
  request.send();
});
document.documentElement.dataset.ready = "true";
`;
const withXhr = `
import { startWebTracing as startAny, traceXhr } from "@throughline/web";
const startWebTracing = (options) => startAny({ ...options, instruments: [traceXhr()] });
`;

async function withSite(
  files: Parameters<typeof startEmbeddedSite>[0],
  use: (site: EmbeddedSite) => Promise<void>,
): Promise<void> {
  const site = await startEmbeddedSite(files);
  try {
    await use(site);
  } finally {
    site.stop();
  }
}

const isReady = (frame: Page | Frame): Promise<void> =>
  frame.locator("html[data-ready]").waitFor({ state: "attached" });

/** The ids that a request carried. */
function sentBy(site: EmbeddedSite, path: string): readonly [traceId: string, spanId: string] {
  const requests = site.asked().filter((request) => request.path === path);
  expect(requests, path).toHaveLength(1);
  const [, traceId = "", spanId = ""] = (requests[0]?.traceparent ?? "").split("-");
  return [traceId, spanId];
}

async function toldAs(site: EmbeddedSite, spanId: string): Promise<ToldSpan> {
  const find = () => site.told().filter((span) => span.spanId === spanId);
  await expect.poll(() => find().map((span) => span.spanId)).toEqual([spanId]);
  return find()[0] as ToldSpan;
}

// `location.origin` is that of the address there, and every request goes to another origin than the page's own, which is none.
for (const { entry, how, code } of [
  { entry: "@throughline/web", how: "fetch", code: start("@throughline/web") },
  { entry: "@throughline/web", how: "XHR", code: start("@throughline/web").replace(/import.*/, withXhr) },
  { entry: "@throughline/web/lazy", how: "fetch", code: start("@throughline/web/lazy") },
  { entry: "@throughline/web/classic", how: "fetch", code: start("@throughline/web/classic") },
])
  test(`${entry}: what a sandboxed page asks for by ${how} is what it is without tracing, with no header and no preflight`, async ({
    page,
  }) => {
    const frames = ["", "?traced=inner"].map(
      (query) => `<iframe sandbox="allow-scripts" name="inner${query}" src="/inner${query}"></iframe>`,
    );
    const files = {
      "/": documentOf(frames.join("")),
      "/inner": documentOf("", "/app.js"),
      "/app.js": await bundled(code),
    };
    await withSite(files, async (site) => {
      await page.goto(site.url);
      const outcomes: unknown[] = [];
      for (const name of ["inner", "inner?traced=inner"]) {
        const frame = page.frame({ name });
        if (!frame) throw new Error(`no frame ${name}`);
        await isReady(frame);
        expect(await frame.evaluate("['tracing' in window, origin]")).toEqual([name !== "inner", "null"]);
        outcomes.push(await frame.evaluate(`ask("${how}")`));
      }
      expect(outcomes).toEqual([200, 200]);
      expect(site.asked()).toEqual(
        Array(2).fill({ method: "GET", path: "/api/asked", traceparent: undefined }),
      );
    });
  });

test("each frame of a page traces itself, one written into the page too, and none traces another's", async ({
  page,
}) => {
  const button = "<button>Go</button>";
  const written = documentOf(button, "/app.js")[1].replaceAll('"', "&quot;");
  const files = {
    "/": documentOf(
      `${button}<iframe name="own" src="/inner?traced=own"></iframe><iframe name="written" srcdoc="${written}"></iframe>`,
      "/app.js",
    ),
    "/inner": documentOf(button, "/app.js"),
    // Such a document has no query of its own.
    "/app.js": await bundled(
      start("@throughline/web").replace("location.search", 'location.search || "?traced=written"'),
    ),
  };
  await withSite(files, async (site) => {
    await page.goto(`${site.url}/?traced=top`);
    for (const [frame, name] of [
      [page.mainFrame(), "top"],
      [page.frame({ name: "own" }), "own"],
      [page.frame({ name: "written" }), "written"],
    ] as const) {
      if (!frame) throw new Error(`no frame ${name}`);
      await isReady(frame);
      await frame.getByRole("button").click();
      await expect.poll(() => site.asked().map(({ path }) => path)).toContain(`/api/clicked?${name}`);
      await frame.evaluate("tracing.flush()");
      const [, spanId] = sentBy(site, `/api/clicked?${name}`);
      const request = await toldAs(site, spanId);
      const click = await toldAs(site, request.parentSpanId ?? "");
      expect([request.label, click.label]).toEqual([`${name} · GET`, `${name} · click Go`]);
      expect(click.parentSpanId).toBeUndefined();
    }
    expect(site.told()).toHaveLength(6);
  });
});

const WORKER = `
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  event.respondWith(pathname === "/api/kept" ? new Response("{}") : fetch(event.request));
});
`;

test("behind a service worker that passes on what it does not have, requests and posts arrive once, and what it answers is a span too", async ({
  page,
}) => {
  const files = {
    "/": documentOf("", "/app.js"),
    "/app.js": await bundled(start("@throughline/web")),
    "/worker.js": ["text/javascript", WORKER],
  } as const;
  await withSite(files, async (site) => {
    await page.goto(`${site.url}/?traced=page`);
    await page.evaluate(async () => {
      const taken = new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done));
      await Promise.all([taken, navigator.serviceWorker.register("/worker.js")]);
    });
    for (const path of ["/api/kept", "/api/passed"])
      expect(await page.evaluate((url) => fetch(url).then(({ status }) => status), path)).toBe(200);
    await page.evaluate("tracing.flush()");
    const [, spanId] = sentBy(site, "/api/passed");
    expect((await toldAs(site, spanId)).label).toBe("page · GET");
    expect(site.told().map(({ label }) => label)).toEqual(["page · GET", "page · GET"]);
  });
});

const copy = (name: string): string => `
import { startWebTracing, withSpan } from "@throughline/web";
window.${name} = startWebTracing({ serviceName: "${name}" });
const button = document.body.appendChild(document.createElement("button"));
button.textContent = "${name}";
button.addEventListener("click", () => withSpan("work", () => fetch("/api/${name}")));
document.documentElement.dataset.ready = "true";
`;

test("of two copies of the kit in a page the later one traces, all of it and once, and a stop of the earlier one is none of its", async ({
  page,
}) => {
  const files = {
    "/": documentOf("", "/one.js", "/two.js"),
    "/one.js": await bundled(copy("one")),
    "/two.js": await bundled(copy("two")),
  };
  const native = () =>
    page.evaluate(() =>
      [fetch, Promise.prototype.then, addEventListener].every((each) => /native/.test(`${each}`)),
    );
  await withSite(files, async (site) => {
    await page.goto(site.url);
    await isReady(page);
    await page.waitForFunction("'two' in window");
    await page.evaluate("one.stop()");
    for (const name of ["one", "two"]) {
      await page.getByRole("button", { name }).click();
      await expect.poll(() => site.asked().map(({ path }) => path)).toContain(`/api/${name}`);
      await page.evaluate("two.flush()");
      const [, spanId] = sentBy(site, `/api/${name}`);
      const request = await toldAs(site, spanId);
      const work = await toldAs(site, request.parentSpanId ?? "");
      const click = await toldAs(site, work.parentSpanId ?? "");
      expect([request, work, click].map(({ label }) => label)).toEqual([
        "two · GET",
        "two · work",
        `two · click ${name}`,
      ]);
    }
    expect(site.told()).toHaveLength(6);
    expect(await native()).toBe(false);
    await page.evaluate("two.stop()");
    expect(await native()).toBe(true);
  });
});
