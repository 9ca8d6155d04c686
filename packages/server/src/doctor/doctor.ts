import { errorText } from "../error-text.ts";
import { type Account, askApp } from "./ask-app.ts";
import { askPreflights } from "./ask-preflights.ts";
import type { Fault, Looks, Verdict } from "./faults.ts";
import { HOPS } from "./hops.ts";
import { lookAtFolder } from "./look-at-folder.ts";
import { lookAtPage } from "./look-at-page.ts";
import { type BrowserOptions, openPage } from "./open-browser.ts";

export interface DoctorOptions {
  readonly url: URL;
  readonly folder: string;
  readonly ingestPath: string;
  /** Empty: none. */
  readonly token: string;
  /** `undefined`: the page is not opened. */
  readonly browser: Omit<BrowserOptions, "folder"> | undefined;
}

export interface Report {
  readonly url: string;
  /** The first broken hop's; `undefined`: traces appear. */
  readonly fault: Fault | undefined;
  readonly hops: readonly ({ readonly name: string } & Verdict)[];
  /** What the app has warned of lately. */
  readonly warnings: readonly string[];
}

/**
 * Looks at a running app along the path of a span.
 * @throws where a browser that was named does not start or answer.
 */
export async function examine(given: DoctorOptions): Promise<Report> {
  const app = await askApp(given);
  const options = { ...given, url: app.url };
  const folder = lookAtFolder(options.folder);
  const page =
    "error" in app.page
      ? { skipped: "the app does not answer" }
      : await openAndLook(options, ownRequests(app.account));
  const listed = app.account?.kind === "told" ? app.account.answer.propagateTo : [];
  const preflights = await askPreflights(listed, options.url);
  const hops = HOPS.map(({ name, check }) => ({ name, ...check({ app, folder, page, preflights }) }));
  return {
    url: app.url.href,
    fault: hops.map((hop) => ("fault" in hop ? hop.fault : undefined)).find((fault) => fault !== undefined),
    hops,
    warnings: app.account?.kind === "told" ? app.account.answer.warnings : [],
  };
}

/** At the usual share of a tenth 39 of 40 runs find one that is kept among these. */
const OWN_REQUESTS = 35;

/** How often the page asks its server at most, until one of its requests is kept. */
function ownRequests(account: Account | undefined): number {
  if (account?.kind !== "told") return OWN_REQUESTS;
  const { settings } = account.answer;
  return settings && settings.share < 1 ? OWN_REQUESTS : 1;
}

async function openAndLook(
  { url, folder, browser }: DoctorOptions,
  requests: number,
): Promise<Looks["page"]> {
  if (!browser) return { skipped: "--no-browser" };
  const opened = await openPage({ ...browser, folder }).catch((error: unknown) => {
    if (browser.executable || browser.devTools) throw error;
    return errorText(error);
  });
  if (typeof opened === "string") return { skipped: opened };
  try {
    return await lookAtPage(opened.page, url.href, requests);
  } catch (error) {
    return { skipped: errorText(error).split("\n")[0] ?? "" };
  } finally {
    await opened.close();
  }
}

/** The first line names what is broken, or that nothing is. */
export function printReport({ url, fault, hops, warnings }: Report): string {
  const skipped = hops.flatMap((hop) => ("skipped" in hop ? [hop.skipped] : []));
  return [
    fault ? `${fault.code}: ${fault.message}` : printHealth(url, skipped.length, hops.length),
    ...(fault ? [`What to do: ${fault.fix}.`] : []),
    "",
    ...hops.map(printHop),
    ...listed("Not looked at:", [...new Set(skipped)]),
    ...listed("The app has warned of lately:", warnings),
  ].join("\n");
}

function printHealth(url: string, skipped: number, all: number): string {
  return skipped === 0
    ? `healthy: spans of ${url} reach the collector`
    : `nothing broken was seen at ${url}; ${skipped} of ${all} steps were not looked at`;
}

function printHop(hop: Report["hops"][number]): string {
  if ("ok" in hop) return `  ok    ${hop.name}${hop.ok && `: ${hop.ok}`}`;
  return "skipped" in hop ? `  -     ${hop.name}` : `  FAIL  ${hop.name}: ${hop.fault.code}`;
}

function listed(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}
