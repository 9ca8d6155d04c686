import { randomBytes } from "node:crypto";
import { printTraceparent } from "@throughline/core";
import { FLUSH_TOKEN_HEADER } from "@throughline/core/attributes";
import { errorText } from "../error-text.ts";
import type { AppAnswer } from "./app-answer.ts";
import { isUnsampled, traceOf } from "./faults.ts";
import { type Answer, movedTo, post, reasonOf } from "./post.ts";
import { postOwnSpan } from "./post-own-span.ts";

/** What the app itself says of its tracing. */
export type Account =
  | { readonly kind: "told"; readonly answer: AppAnswer }
  /** The route is there, and tells nothing of the process. */
  | { readonly kind: "closed"; readonly why: Closed; readonly reason: string }
  /** Nothing of the kit answers there: `status` 0 is no answer at all, for `reason`. */
  | { readonly kind: "missing"; readonly url: string; readonly status: number; readonly reason: string };

/** Tracing is off · in production it has no token · it has another than ours · its answer failed. */
export type Closed = "off" | "no-token" | "other-token" | "failed";

/** What was seen of an app from outside, as any HTTP client sees it. */
export interface AppLook {
  /** Where the page is; not where it was asked for, if that led elsewhere. */
  readonly url: URL;
  /** The status of the page, or why there is none. */
  readonly page: { readonly status: number } | { readonly error: string };
  readonly account?: Account;
  /** Whether a token went along. */
  readonly hasToken: boolean;
  /** The sampled `traceparent` that went along with the requests for the page and for the account. */
  readonly sent: string;
  /** The one that `Server-Timing` names, of the account or of the page. */
  readonly returned?: string | undefined;
  /** What arrived with requests that left without any. */
  readonly arrivedUnsent: readonly (string | null)[];
}

export interface AskOptions {
  readonly url: URL;
  readonly ingestPath: string;
  /** Empty: none. */
  readonly token: string;
}

/** `next dev` compiles a page before it answers. */
const PAGE_MS = 60_000;
/** A gateway that samples by itself, a tenth say, keeps some of them. */
const UNSENT = 40;
const REDIRECTS = 5;

/** Asks a running app for its page and for its account. Never rejects. */
export async function askApp(options: AskOptions): Promise<AppLook> {
  const own = { traceId: keptTraceId(), spanId: randomBytes(8).toString("hex"), startMs: Date.now() };
  const sent = printTraceparent({ ...own, sampled: true });
  const { url, ...page } = await askPage(options.url, sent);
  const look = { url, page, hasToken: options.token !== "", sent, arrivedUnsent: [] };
  if ("error" in page) return look;
  const { account, door, answer } = await findAccount({ ...options, url }, sent);
  const returned = namesTrace(sent, [traceparentIn(answer.timing), page.returned]);
  // Where the app has kept nothing of the trace it would stand alone.
  const isKept = returned !== undefined && traceOf(returned) === own.traceId && !isUnsampled(returned);
  if (account.kind !== "missing" && isKept) await postOwnSpan(door, doorHeaders(options.token), own);
  return {
    ...look,
    account,
    returned,
    arrivedUnsent: account.kind === "told" ? await askUnsent(door, options.token) : [],
  };
}

/** Kept at every share but 0: the server goes by the exclusive or of the four words of an id, which is 0 here. */
function keptTraceId(): string {
  const id = randomBytes(16);
  for (let at = 0; at < 4; at++) id[12 + at] = (id[at] ?? 0) ^ (id[4 + at] ?? 0) ^ (id[8 + at] ?? 0);
  return id.toString("hex");
}

/** A page that a cache keeps names an older trace, and the account none where the route is not traced. */
function namesTrace(sent: string, told: readonly (string | undefined)[]): string | undefined {
  return (
    told.find((each) => each && traceOf(each) === traceOf(sent)) ?? told.find((each) => each !== undefined)
  );
}

type Page =
  | { readonly url: URL; readonly status: number; readonly returned: string | undefined }
  | { readonly url: URL; readonly error: string };

async function askPage(asked: URL, traceparent: string): Promise<Page> {
  let url = asked;
  try {
    for (let redirects = 0; ; redirects++) {
      const { status, headers, body } = await fetch(url, {
        headers: { traceparent, accept: "text/html" },
        redirect: "manual",
        signal: AbortSignal.timeout(PAGE_MS),
      });
      await body?.cancel();
      const next = movedTo({ status, headers }, url);
      if (!next || !isSameSite(url, next) || redirects === REDIRECTS)
        return { url, status, returned: traceparentIn(headers.get("server-timing")) };
      url = next;
    }
  } catch (error) {
    return { url, error: reasonOf(error) };
  }
}

/** From http to https, or to `www.`: the app is there. Elsewhere somebody asks for a login, perhaps. */
function isSameSite(from: URL, to: URL): boolean {
  const bare = ({ hostname }: URL): string => hostname.replace(/^www\./, "");
  // The token goes along, and must not in clear text.
  const isSafe = to.protocol === "https:" || to.protocol === from.protocol;
  return to.origin !== from.origin && bare(to) === bare(from) && isSafe;
}

/** The `traceparent` in a `Server-Timing` header. */
export function traceparentIn(header: string | null | undefined): string | undefined {
  return /traceparent;desc="([0-9a-f-]{55})"/.exec(header ?? "")?.[1];
}

interface Found {
  readonly account: Account;
  /** The path that it was found at. */
  readonly door: string;
  readonly answer: Answer;
}

/** Below each part of the page's path, which may be the app's base path, and below the origin. */
async function findAccount({ url, ingestPath, token }: AskOptions, traceparent: string): Promise<Found> {
  const parts = url.pathname.split("/").filter(Boolean);
  const bases = [...parts.map((_, cut) => `/${parts.slice(0, parts.length - cut).join("/")}`), ""];
  let found: Found | undefined;
  for (const base of bases) {
    const door = `${url.origin}${base}${ingestPath}`;
    const answer = await post(`${door}/doctor`, { traceparent, ...doorHeaders(token) });
    const account = await readAccount(door, answer);
    // What answers otherwise than with "not found" is what the app's own route would have been.
    if (!found || account.kind !== "missing" || found.answer.status === 404)
      found = { account, door, answer };
    if (account.kind !== "missing") break;
  }
  // There is at least the origin.
  return found as Found;
}

async function readAccount(door: string, { status, body, reason }: Answer): Promise<Account> {
  if (status === 200 && isAnswer(body)) return { kind: "told", answer: body };
  if (!isOurs(body)) return { kind: "missing", url: `${door}/doctor`, status, reason };
  // A process that traces says why it has no flush either, and one that does not says that.
  const { body: said } = await post(`${door}/flush`, {});
  if (isOurs(said) && said.message.includes("tracing is off"))
    return { kind: "closed", why: "off", reason: said.message };
  return { kind: "closed", why: whyClosed(status, body.message), reason: body.message };
}

function whyClosed(status: number, message: string): Closed {
  if (status !== 403) return "failed";
  return message.includes("is not the value of") ? "other-token" : "no-token";
}

/** Where no token is set, any text opens the door of a process in development. */
function doorHeaders(token: string): Readonly<Record<string, string>> {
  return { [FLUSH_TOKEN_HEADER]: token || "doctor" };
}

async function askUnsent(door: string, token: string): Promise<readonly (string | null)[]> {
  const answers = await Promise.all(
    Array.from({ length: UNSENT }, () => post(`${door}/doctor/received`, doorHeaders(token))),
  );
  return answers.flatMap(({ body }) => (isAnswer(body) ? [body.received] : []));
}

/** Of this version or one that says as much. */
function isAnswer(body: unknown): body is AppAnswer {
  const keys: readonly (keyof AppAnswer)[] = [
    "version",
    "isRegistered",
    "apiCopies",
    "exports",
    "pages",
    "propagateTo",
    "received",
    "warnings",
  ];
  return typeof body === "object" && body !== null && keys.every((key) => key in body);
}

function isOurs(body: unknown): body is { readonly message: string } {
  return (
    typeof body === "object" &&
    body !== null &&
    "message" in body &&
    errorText(body).startsWith("@throughline/server: ")
  );
}
