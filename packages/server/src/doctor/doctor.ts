import { errorText } from "../error-text.ts";
import { type Account, askApp } from "./ask-app.ts";
import { askPreflights } from "./ask-preflights.ts";
import type { Blindness, Fault, Looks, Verdict } from "./faults.ts";
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

/** `cannot-tell`: nothing broken was seen, and not all that may be was looked at. */
export type Result = "healthy" | "broken" | "cannot-tell";

export interface Report {
  readonly url: string;
  readonly result: Result;
  /** The first broken hop's. */
  readonly fault: Fault | undefined;
  readonly hops: readonly ({ readonly name: string } & Verdict)[];
  /** A sentence for each bad value of a setting that breaks nothing on the path. */
  readonly badValues: readonly string[];
  /** What the app has warned of lately besides. */
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
  const fault = hops.flatMap((hop) => ("fault" in hop ? [hop.fault] : []))[0];
  // An app of an earlier version does not tell of bad values.
  const { badValues = [], warnings } = app.account?.kind === "told" ? app.account.answer : { warnings: [] };
  return {
    url: app.url.href,
    result: resultOf(hops),
    fault,
    hops,
    badValues,
    warnings: warnings.filter((warning) => !badValues.includes(warning)),
  };
}

export function resultOf(hops: readonly Verdict[]): Result {
  if (hops.some((hop) => "fault" in hop)) return "broken";
  return hops.some((hop) => "unseen" in hop) ? "cannot-tell" : "healthy";
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
  if (typeof opened === "string") return { unseen: noBrowser(opened) };
  try {
    return await lookAtPage(opened.page, url.href, requests);
  } catch (error) {
    const [reason = ""] = errorText(error).split("\n");
    return { unseen: { reason, fix: LEAVE_PAGE } };
  } finally {
    await opened.close();
  }
}

const LEAVE_PAGE = "Look whether the page opens in a browser; or leave it out: --no-browser";

/** Ours end with their cure; what a browser throws has none, and lines of its log. */
function noBrowser(text: string): Blindness {
  const [line = ""] = text.split("\n");
  const cut = line.lastIndexOf("; ");
  if (cut < 0) return { reason: line, fix: LEAVE_PAGE };
  return { reason: line.slice(0, cut), fix: `${line.slice(cut + 2)}; or leave the page out: --no-browser` };
}

/** The first line names what is broken, or that nothing is, or that nobody can tell; the second what to do. */
export function printReport(report: Report): string {
  const reasons = report.hops.flatMap((hop) =>
    "skipped" in hop ? [hop.skipped] : "unseen" in hop ? [hop.unseen.reason] : [],
  );
  return [
    ...printResult(report, reasons),
    ...report.badValues.map((sentence) => `bad-setting: ${sentence}`),
    "",
    ...report.hops.map(printHop),
    ...listed("Not looked at:", [...new Set(reasons)]),
    ...listed("The app has warned of lately:", report.warnings),
  ].join("\n");
}

function printResult({ url, fault, hops }: Report, reasons: readonly string[]): readonly string[] {
  if (fault) return [`${fault.code}: ${fault.message}`, `What to do: ${fault.fix}.`];
  const left = `${reasons.length} of ${hops.length} steps were not looked at`;
  const why = [...new Set(reasons)].join("; ");
  const unseen = hops.flatMap((hop) => ("unseen" in hop ? [hop.unseen] : []));
  if (unseen.length > 0)
    return [
      `cannot tell: ${left}: ${why}`,
      `What to do: ${[...new Set(unseen.map(({ fix }) => fix))].join(". ")}.`,
    ];
  if (reasons.length === 0) return [`healthy: spans of ${url} reach the collector`];
  return [`nothing broken was seen at ${url}; ${left}: ${why}`];
}

function printHop(hop: Report["hops"][number]): string {
  if ("ok" in hop) return `  ok    ${hop.name}${hop.ok && `: ${hop.ok}`}`;
  return "fault" in hop ? `  FAIL  ${hop.name}: ${hop.fault.code}` : `  -     ${hop.name}`;
}

function listed(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}
