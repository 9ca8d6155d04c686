import { broken, type Fault, type Looks, traceOf, type Verdict } from "./faults.ts";
import type { PageRequest } from "./watch-requests.ts";

export function checkPage({ page, folder }: Looks): Verdict {
  if ("skipped" in page) return { skipped: page.skipped };
  if (page.isTraced) return { ok: page.endpoint ?? "" };
  const script = page.violations.find(({ directive }) => directive.startsWith("script-src"));
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

export function checkPosts({ page }: Looks): Verdict {
  if ("skipped" in page) return { skipped: page.skipped };
  if (!page.isTraced) return { skipped: "the page is not traced" };
  const { endpoint = "", posts, violations } = page;
  const denied = violations.find(
    ({ directive, blocked }) => directive.startsWith("connect-src") && endpoint.startsWith(blocked),
  );
  if (denied)
    return broken(
      "csp-denied",
      `the page's content security policy (${denied.directive}) forbids its posts to ${endpoint}`,
      "Add that origin to connect-src; the app's own is 'self'",
    );
  if (posts.some(({ status }) => status >= 200 && status < 300))
    return { ok: `${endpoint}: ${posts.length} posts` };
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
      fix: "Leave exportUrl out, so that the page posts to its own origin; or have that server allow the page's origin and content-type",
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

export function checkRequests({ page }: Looks): Verdict {
  if ("skipped" in page) return { skipped: page.skipped };
  const [refused] = page.refused;
  if (refused)
    return broken(
      "cors-denied",
      `the browser refuses the page's request to ${refused.url}: ${refused.cors}`,
      "Have that server allow the header: Access-Control-Allow-Headers: traceparent; or take its origin off propagateTo",
    );
  if (!page.isTraced) return { skipped: "the page is not traced" };
  if (!page.join)
    return broken(
      "no-propagator",
      "the page's request to its own server left without traceparent",
      'Leave out propagation: "off", and grant consent if it is asked for',
    );
  const { sent, returned } = page.join;
  if (returned !== undefined && traceOf(returned) === traceOf(sent)) return { ok: `trace ${traceOf(sent)}` };
  return broken(
    "not-continued",
    `the page asked its server in trace ${traceOf(sent)}, and was answered ${returned ? `in ${traceOf(returned)}` : "without one"}`,
    "Look whether a service worker, a cache or a proxy answers in the server's place",
  );
}
