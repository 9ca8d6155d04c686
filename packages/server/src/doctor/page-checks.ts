import {
  broken,
  type Fault,
  isJoined,
  JOINED,
  type Looks,
  notTold,
  traceOf,
  type Unlooked,
  type Verdict,
} from "./faults.ts";
import type { PageLook } from "./look-at-page.ts";
import type { PageRequest } from "./watch-requests.ts";

/** The page itself, or why it was not seen. */
type Seen = { readonly page: PageLook } | Unlooked;

function seen({ app, page }: Looks): Seen {
  if (!("origin" in page)) return page;
  // A login that stands before the page is a page of somebody else.
  if (page.origin !== app.url.origin)
    return {
      unseen: {
        reason: `${app.url} leads to ${page.origin}`,
        fix: "Name a page that asks for no login; or leave the page out: --no-browser",
      },
    };
  return { page };
}

const UNTRACED: Verdict = { skipped: "the page is not traced" };

export function checkPage(looks: Looks): Verdict {
  const look = seen(looks);
  if (!("page" in look)) return look;
  const { page } = look;
  const { folder } = looks;
  if (page.isTraced) return { ok: page.endpoint ?? "" };
  const script = page.violations.find(
    ({ directive, blocked }) =>
      directive.startsWith("script-src") && (blocked === "inline" || blocked.startsWith(page.origin)),
  );
  if (script)
    return broken(
      "csp-denied",
      `the page's content security policy (${script.directive}) keeps ${script.blocked} from running`,
      "Allow the app's own scripts there: script-src 'self' with Next.js's nonce",
    );
  const isMissing = folder.isNextApp && folder.config?.hasTracing === false;
  return broken(
    "page-not-traced",
    isMissing
      ? `the page starts no tracing: ${folder.config?.path} does not call withTracing`
      : "the page starts no tracing",
    'Wrap the config: export default withTracing({ … }) from "@throughline/server/next-config"; build with OTEL_ENABLED=true, for what is built while it is off stays untraced',
  );
}

export function checkPosts(looks: Looks): Verdict {
  const look = seen(looks);
  if (!("page" in look)) return look;
  if (!look.page.isTraced) return UNTRACED;
  const { endpoint = "", posts, violations } = look.page;
  if (posts.some(({ status }) => status >= 200 && status < 300))
    return { ok: `${endpoint}: ${posts.length} posts` };
  if (endpoint === "")
    return broken(
      "export-blocked",
      "the part of the tracing that posts has not come to the page",
      "Look for an ad blocker or a filter of the network that takes a script below /_next/static",
    );
  const denied = violations.find(
    ({ directive, blocked }) => directive.startsWith("connect-src") && endpoint.startsWith(blocked),
  );
  if (denied)
    return broken(
      "csp-denied",
      `the page's content security policy (${denied.directive}) forbids its posts to ${endpoint}`,
      "Add that origin to connect-src; the app's own is 'self'",
    );
  const last = posts.at(-1);
  if (!last)
    return broken(
      "export-blocked",
      `the page has sent nothing to ${endpoint}`,
      "Look whether the visitor's consent is waited for (consent), or an extension replaces fetch",
    );
  return { fault: postFault(last) };
}

function postFault({ url, status, error = "no answer", blocked, cors }: PageRequest): Fault {
  if (cors)
    return {
      code: "cors-denied",
      message: `the browser may not post to ${url}: ${cors}`,
      fix: "Leave endpoint out of startWebTracing, so that the page posts to its own origin; or have that server allow the page's origin and content-type",
    };
  if (status > 0)
    return {
      code: "export-refused",
      message: `${url} answers the page's posts with status ${status}`,
      fix: "Look whether a login, a rate limit or a firewall stands before that path",
    };
  return {
    code: "export-blocked",
    message: `something between the page and the app blocks ${url}: ${error}${blocked ? ` (${blocked})` : ""}`,
    fix: "Look for an ad blocker, a filter of the network or a firewall that takes this path; THROUGHLINE_INGEST_PATH moves it, together with the folder of the route",
  };
}

/** The server keeps a share, or nobody knows. */
function mayBeLeftOut({ app: { account } }: Looks): boolean {
  const settings = account?.kind === "told" ? account.answer.settings : undefined;
  return settings === undefined || settings.share < 1;
}

function refusedFault({ url, ledTo, cors }: PageRequest): Fault {
  const way = ledTo ? `${url}, which is led on to ${ledTo}` : url;
  return {
    code: "cors-denied",
    message: `the browser refuses the page's request to ${way}: ${cors}`,
    fix: `Have that server allow the header: Access-Control-Allow-Headers: traceparent; or ${ledTo ? "name the path in ignoreUrls" : "take its origin off propagateTo"}`,
  };
}

export function checkRequests(looks: Looks): Verdict {
  const look = seen(looks);
  if (!("page" in look)) return look;
  const { page } = look;
  const [refused] = page.refused;
  if (refused) return { fault: refusedFault(refused) };
  if (!page.isTraced) return UNTRACED;
  if (!page.join)
    return broken(
      "no-propagator",
      "the page's request to its own server left without traceparent",
      'Leave out propagation: "off", and grant consent if it is asked for',
    );
  const { sent, returned } = page.join;
  if (isJoined(looks)) return JOINED;
  if (returned === undefined && mayBeLeftOut(looks))
    return { skipped: "the server has kept none of its requests" };
  if (returned !== undefined && traceOf(returned) === traceOf(sent)) return { ok: `trace ${traceOf(sent)}` };
  return broken(
    "not-continued",
    `the page asked its server in trace ${traceOf(sent)}, and was answered ${returned ? `in ${traceOf(returned)}` : "without one"}`,
    "Look whether a service worker, a cache or a proxy answers in the server's place",
  );
}

/** So many requests of pages that deliver nothing are no chance. */
const TELLING_REQUESTS = 20;
/** More than a page puts into one post; the doctor's own browser has posted for itself alone. */
const MOST_A_POST = 100;

/** What the doctor's own browser lets through, that of a visitor may not. */
export function checkVisitors({ app: { account } }: Looks): Verdict {
  if (account?.kind !== "told") return notTold(account);
  const { pages, way } = account.answer;
  const { requests, posts } = pages;
  // Counted is where the tracing of Next.js's own server decides about a request.
  if (way !== "own" || (requests === 0 && posts > 0))
    return { skipped: "requests of pages are not counted here" };
  if (requests < TELLING_REQUESTS || requests <= posts * MOST_A_POST)
    return { ok: `${requests} requests in traces that are kept, ${posts} posts of spans` };
  const came = posts === 0 ? "no page has posted a span" : `only ${posts} posts of spans have come`;
  return broken(
    "export-blocked",
    `${requests} requests of pages named a trace that is kept, and ${came}`,
    "Look for an ad blocker in those browsers (open the page in one: --devtools), and for a content security policy; THROUGHLINE_INGEST_PATH moves the path, together with the folder of the route",
  );
}

export function checkListed({ app: { account }, preflights }: Looks): Verdict {
  if (account?.kind !== "told") return notTold(account);
  const refused = preflights.find(({ allowsHeader }) => allowsHeader === false);
  if (refused)
    return broken(
      "cors-denied",
      `${refused.origin} is on propagateTo, and its preflight does not allow the header (${refused.reason})`,
      "Have it answer Access-Control-Allow-Headers: traceparent, or take it off propagateTo",
    );
  const untold = preflights.find(({ allowsHeader }) => allowsHeader === undefined);
  if (untold) return { skipped: `${untold.origin}/ does not say whom it allows: ${untold.reason}` };
  return { ok: preflights.map(({ origin }) => origin).join(", ") || "none is listed" };
}
