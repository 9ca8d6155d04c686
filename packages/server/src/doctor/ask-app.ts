import { randomBytes } from "node:crypto";
import { FLUSH_TOKEN_HEADER } from "@throughline/core/attributes";
import { errorText } from "../error-text.ts";
import type { AppAnswer } from "./app-answer.ts";

/** What the app itself says of its tracing. */
export type Account =
  | { readonly kind: "told"; readonly answer: AppAnswer }
  /** The route is there, and does not speak to who holds no token. */
  | { readonly kind: "closed"; readonly isOn: boolean; readonly reason: string }
  /** Nothing of the kit answers there. */
  | { readonly kind: "missing"; readonly url: string; readonly status: number };

/** What was seen of an app from outside, as any HTTP client sees it. */
export interface AppLook {
  readonly url: string;
  /** The status of the page, or why there is none. */
  readonly page: { readonly status: number } | { readonly error: string };
  readonly account?: Account;
  /** The sampled `traceparent` that went along with the requests for the page and for the account. */
  readonly sent: string;
  /** The one that the page's `Server-Timing` names. */
  readonly returned?: string | undefined;
  /** The one that arrived with a request that left without any; `undefined`: nobody could say. */
  readonly arrivedUnsent?: string | null | undefined;
}

export interface AskOptions {
  readonly url: URL;
  readonly ingestPath: string;
  /** Empty: none. */
  readonly token: string;
}

const PAGE_MS = 30_000;
/** The exports that the app tries have five seconds, and `next dev` compiles the route before. */
const ACCOUNT_MS = 30_000;

/** Asks a running app for its page and for its account. Never rejects. */
export async function askApp({ url, ingestPath, token }: AskOptions): Promise<AppLook> {
  const sent = `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`;
  const page = await askPage(url, sent);
  const look = {
    url: url.href,
    page: "error" in page ? { error: page.error } : { status: page.status },
    sent,
  };
  if ("error" in page) return look;
  const { account, door } = await findAccount(url, ingestPath, { token, sent });
  return {
    ...look,
    account,
    returned: page.returned,
    arrivedUnsent: account.kind === "told" ? await askUnsent(door, token) : undefined,
  };
}

async function askPage(url: URL, traceparent: string) {
  try {
    const response = await fetch(url, {
      headers: { traceparent, accept: "text/html" },
      // Where a login stands before the page, its answer tells as much.
      redirect: "manual",
      signal: AbortSignal.timeout(PAGE_MS),
    });
    await response.arrayBuffer();
    return { status: response.status, returned: traceparentIn(response.headers.get("server-timing")) };
  } catch (error) {
    return { error: reasonOf(error) };
  }
}

/** The `traceparent` in a `Server-Timing` header. */
export function traceparentIn(header: string | null | undefined): string | undefined {
  return /traceparent;desc="([0-9a-f-]{55})"/.exec(header ?? "")?.[1];
}

/** Below the origin, and below the page's own path, which may be the app's base path. */
async function findAccount(
  url: URL,
  ingestPath: string,
  { token, sent }: { readonly token: string; readonly sent: string },
): Promise<{ readonly account: Account; readonly door: string }> {
  const doors = [...new Set(["", url.pathname.replace(/\/$/, "")])].map(
    (base) => `${url.origin}${base}${ingestPath}`,
  );
  let last: Account = { kind: "missing", url: `${doors[0]}/doctor`, status: 404 };
  for (const door of doors) {
    const account = await askAccount(door, token, { traceparent: sent });
    if (account.kind !== "missing") return { account, door };
    if (account.status !== 404) last = account;
  }
  return { account: last, door: doors[0] ?? "" };
}

async function askAccount(door: string, token: string, headers: Record<string, string>): Promise<Account> {
  const url = `${door}/doctor`;
  const { status, body } = await post(url, { ...headers, [FLUSH_TOKEN_HEADER]: token || "doctor" });
  if (status === 200 && isAnswer(body)) return { kind: "told", answer: body };
  if (!isOurs(body)) return { kind: "missing", url, status };
  const traces = await post(`${door}/v1/traces`, headers);
  const reason = traces.status === 202 ? body.message : isOurs(traces.body) ? traces.body.message : "";
  return { kind: "closed", isOn: traces.status === 202, reason };
}

async function askUnsent(door: string, token: string): Promise<string | null | undefined> {
  const { body } = await post(`${door}/doctor?exports=none`, { [FLUSH_TOKEN_HEADER]: token || "doctor" });
  return isAnswer(body) ? body.received : undefined;
}

async function post(
  url: string,
  headers: Record<string, string>,
): Promise<{ readonly status: number; readonly body: unknown }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: '{"resourceSpans":[]}',
      signal: AbortSignal.timeout(ACCOUNT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: parse(text) };
  } catch {
    return { status: 0, body: undefined };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAnswer(body: unknown): body is AppAnswer {
  return typeof body === "object" && body !== null && "isRegistered" in body && "received" in body;
}

function isOurs(body: unknown): body is { readonly message: string } {
  return (
    typeof body === "object" &&
    body !== null &&
    "message" in body &&
    String(body.message).startsWith("@throughline/server: ")
  );
}

/** Node's `fetch` says "fetch failed" and hides the reason in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return errorText(cause) || String((cause as { code?: unknown }).code ?? cause);
}
