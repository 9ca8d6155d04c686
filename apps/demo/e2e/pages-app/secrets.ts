import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TracerProvider } from "@opentelemetry/api";
import { expect, type Page, test } from "@playwright/test";
import { createProcesses } from "../../../../scripts/processes.mjs";
import { serveNextApp } from "../next-app.ts";

/** What careless code and careless people put into URLs, headers, bodies, messages and attributes. */
export function testSecrets(): void {
  test("of 40 secrets none is in any byte that the collector received from browser and server", async ({
    page,
    context,
  }) => {
    const received: Buffer[] = [];
    const collector = createServer(async (request, response) => {
      for await (const chunk of request) received.push(chunk);
      response.setHeader("content-type", "application/json").end("{}");
    });
    await once(collector.listen(0, "127.0.0.1"), "listening");
    const { port } = collector.address() as AddressInfo;
    const processes = createProcesses();
    try {
      const app = { processes, folder: "pages-app", serviceName: "pages" };
      const endpoint = `http://127.0.0.1:${port}`;
      const origin = await serveNextApp(app, {
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      });
      const seeds = plantSeeds();
      await context.addCookies([{ name: "sid", value: seeds.cookie, url: origin }]);
      await visit(page, origin, seeds);
      const bytes = (): string => Buffer.concat(received).toString("latin1");
      // Every place has been traced: else nothing would be found either.
      for (const trace of TRACES)
        await expect.poll(() => bytes().includes(trace), { message: trace }).toBe(true);
      const secrets = Object.entries(seeds);
      expect(secrets.length).toBeGreaterThanOrEqual(40);
      const found = secrets.filter(([, secret]) =>
        [secret, encodeURIComponent(secret)].some((text) => bytes().includes(text)),
      );
      expect(found.map(([place]) => place)).toEqual([]);
    } finally {
      await processes.stopAll();
      collector.close();
    }
  });
}

/** Of what the secrets were seeded into. */
const TRACES = [
  '"page load"',
  '"uncaught error"',
  "click Pay",
  "/leak/REDACTED?q=",
  "/logo.png",
  '"app.note"',
  "read http://",
  '"app.customer"',
  '"app.headers"',
  '"app.link"',
  "refused password",
  "refused token",
  "open /u",
  "no user ",
  '"pages-web"',
  '"pages"',
];

type Seeds = Readonly<Record<string, string>> & { readonly cookie: string };

function plantSeeds(): Seeds {
  // Short, as a code or a password may be; found by nothing but its place.
  const word = () => `hush${randomBytes(4).toString("hex")}`;
  const mail = () => `ada.${randomBytes(4).toString("hex")}@shop.test`;
  const jwt = () => `eyJ${randomBytes(12).toString("hex")}.${randomBytes(12).toString("hex")}.x`;
  const token = () => `aB3${randomBytes(15).toString("hex")}`;
  const of = (make: () => string, names: string) =>
    Object.fromEntries(names.split(" ").map((name) => [name, make()]));
  return {
    cookie: word(),
    ...of(word, "pageQuery pageBare pageFragment pushedQuery fetchQuery fetchBare fetchFragment imageQuery"),
    ...of(word, "header apiKey requestBody typed labelQuery messageQuery messagePassword messageBearer"),
    ...of(word, "stackQuery reasonQuery userAttributeQuery userNameQuery spanEventQuery statusToken"),
    ...of(
      word,
      "outboundQuery outboundHeader attributeCookie eventQuery statusPassword responseBody setCookie",
    ),
    ...of(word, "redirectQuery routeToken nextRefererQuery"),
    ...of(mail, "pagePathMail fetchPathMail buttonMail messageMail attributeMail routeMail"),
    ...of(jwt, "pathJwt messageJwt"),
    ...of(token, "fetchPathToken outboundToken"),
    ...of(randomUUID, "pagePathUuid"),
  } as Seeds;
}

async function visit(page: Page, origin: string, seeds: Seeds): Promise<void> {
  const { pagePathMail, pagePathUuid, pageQuery, pageBare, pageFragment, imageQuery } = seeds;
  await page.goto(
    `${origin}/leak/${pagePathMail}/${pagePathUuid}?code=${pageQuery}&image=${imageQuery}&${pageBare}#access_token=${pageFragment}`,
  );
  await page.getByLabel("Card").fill(seeds.typed ?? "");
  await page.evaluate(leakInBrowser, seeds);
  await page.getByRole("button").click();
  await page.waitForFunction(() => document.body.dataset.done === "yes");
  // The referrer of this one is an address with a secret.
  await page.evaluate((query) => history.replaceState(null, "", `?from=${query}`), seeds.nextRefererQuery);
  await page.evaluate(() => location.assign("/dynamic"));
  await page.waitForURL("**/dynamic");
  await page.goto("about:blank");
}

/** Runs in the page. */
function leakInBrowser(seeds: Readonly<Record<string, string>>): void {
  const api = Reflect.get(globalThis, Symbol.for("opentelemetry.js.api.1")) as { trace: TracerProvider };
  const button = document.querySelector("button");
  if (!button) throw new Error("no button");
  button.textContent = `Pay ${seeds.buttonMail}`;
  button.addEventListener("click", async () => {
    history.pushState(null, "", `/leak/${seeds.pathJwt}?q=${seeds.pushedQuery}`);
    const body = JSON.stringify(seeds);
    const headers = { authorization: `Bearer ${seeds.header}`, "x-api-key": seeds.apiKey ?? "" };
    const path = `/api/leak/${seeds.fetchPathMail}/${seeds.fetchPathToken}`;
    await fetch(`${path}?key=${seeds.fetchQuery}&${seeds.fetchBare}#${seeds.fetchFragment}`, { headers });
    await fetch("/api/leak/post", { method: "POST", body, headers });
    await fetch(`/api/leak/away?away=${seeds.redirectQuery}`);
    await fetch(`/api/leak/fail?fail=${seeds.routeMail}&token=${seeds.routeToken}`);
    const attributes = { "app.note": `see https://shop.test/u?k=${seeds.userAttributeQuery}` };
    const span = api.trace.getTracer("app").startSpan(`open /u?k=${seeds.userNameQuery}`, { attributes });
    span.addEvent("opened", { "app.at": `/u?k=${seeds.spanEventQuery}` });
    span.setStatus({ code: 2, message: `refused token: ${seeds.statusToken}` }).end();
    const error = new Error(
      `no https://shop.test/a?t=${seeds.messageQuery} for ${seeds.messageMail}, password=${seeds.messagePassword}, ` +
        `Authorization: Bearer ${seeds.messageBearer}, ${seeds.messageJwt}`,
    );
    error.stack = `Error: x\n    at buy (https://shop.test/app.js?v=${seeds.stackQuery}:1:2)`;
    setTimeout(() => {
      throw error;
    });
    void Promise.reject(new Error(`lost /reset?token=${seeds.reasonQuery}`));
    await new Promise((resolve) => setTimeout(resolve));
    document.body.dataset.done = "yes";
  });
}
