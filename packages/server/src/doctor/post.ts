import { errorText } from "../error-text.ts";

/** What a post was answered with. */
export interface Answer {
  /** 0: there was no answer, for `reason`. */
  readonly status: number;
  readonly reason: string;
  /** As JSON; `undefined`: it was none. */
  readonly body: unknown;
  /** The header `Server-Timing`. */
  readonly timing: string | null;
}

const MOVED: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The exports that the app tries have five seconds, and `next dev` compiles the route before. */
const ANSWER_MS = 60_000;

interface Posting {
  /** Default: an empty export. */
  readonly body?: string;
  /** How often it was sent on already. */
  readonly redirects?: number;
}

/** Posts an export. Goes to no other origin: the token must not. Never rejects. */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  { body = '{"resourceSpans":[]}', redirects = 0 }: Posting = {},
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();
    const next = movedTo(response, new URL(url));
    // As Next.js does to a path without its `trailingSlash`.
    if (next?.origin === new URL(url).origin && redirects === 0)
      return post(next.href, headers, { body, redirects: 1 });
    return {
      status: response.status,
      reason: "",
      body: parse(text),
      timing: response.headers.get("server-timing"),
    };
  } catch (error) {
    return { status: 0, reason: reasonOf(error), body: undefined, timing: null };
  }
}

/** Where an answer leads to, if it does. */
export function movedTo(
  { status, headers }: Pick<Response, "status" | "headers">,
  from: URL,
): URL | undefined {
  const location = headers.get("location");
  if (!MOVED.has(status) || location === null || !URL.canParse(location, from.href)) return undefined;
  return new URL(location, from);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Node's `fetch` says "fetch failed" and hides the reason in the cause. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return errorText(cause) || String((cause as { readonly code?: unknown }).code ?? cause);
}
