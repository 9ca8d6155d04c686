import type { AnsweredSettings, AppAnswer, Off } from "./app-answer.ts";
import type { Account, AppLook } from "./ask-app.ts";
import { checkDelivery } from "./delivery-checks.ts";
import {
  broken,
  type Hop,
  isJoined,
  isUnsampled,
  JOINED,
  type Looks,
  notTold,
  said,
  traceOf,
  type Verdict,
} from "./faults.ts";
import type { FolderLook } from "./look-at-folder.ts";
import { checkListed, checkPage, checkPosts, checkRequests, checkVisitors } from "./page-checks.ts";

/** Along the path of a span: whoever mends the first that is broken may find the others whole. */
export const HOPS: readonly Hop[] = [
  { name: "the app answers", check: checkAnswer },
  { name: "the server is traced", check: checkServer },
  { name: "one copy of @opentelemetry/api", check: checkApi },
  { name: "nobody else decides what is kept", check: checkSampled },
  { name: "the server continues a caller's trace", check: checkContinued },
  { name: "the collector takes the server's spans", check: (looks) => checkDelivery(looks, "server") },
  { name: "the collector takes the browser's spans", check: (looks) => checkDelivery(looks, "browser") },
  { name: "the page is traced", check: checkPage },
  { name: "the page's spans reach the app", check: checkPosts },
  { name: "other pages deliver too", check: checkVisitors },
  { name: "the page's requests take their trace along", check: checkRequests },
  { name: "listed origins allow traceparent", check: checkListed },
];

/** A gateway that finds nothing behind it. */
const UNREACHED: ReadonlySet<number> = new Set([502, 503, 504]);

function checkAnswer({ app: { url, page } }: Looks): Verdict {
  if ("status" in page && !UNREACHED.has(page.status)) return { ok: `${url}: ${page.status}` };
  const reason = "status" in page ? `status ${page.status}` : page.error;
  return broken("app-unreachable", `${url} does not answer: ${reason}`, cureOfSilence(reason));
}

function cureOfSilence(reason: string): string {
  if (/certificat|self[- ]signed|unable to verify/i.test(reason))
    return "Tell Node.js of the authority: NODE_EXTRA_CA_CERTS=ca.pem npx throughline doctor …";
  return "Start the app, or name its address: npx throughline doctor http://localhost:3000";
}

function checkServer({ app, folder }: Looks): Verdict {
  const { account } = app;
  if (!account) return { skipped: "the app does not answer" };
  if (account.kind === "missing") return checkWithoutRoute(account, app);
  if (account.kind === "closed") return checkClosed(account, app.hasToken);
  const { off, isRegistered, version, node, settings } = account.answer;
  if (off !== undefined) return checkOff(off);
  if (!isRegistered)
    return broken(
      "register-not-called",
      `OTEL_ENABLED=true, and register has not run: ${whyUnregistered(folder)}`,
      cureOfUnregistered(folder),
    );
  return { ok: `${settings?.service ?? ""}, @throughline/server ${version}, Node ${node}` };
}

/** What is seen from outside alone: whether the server answers in the trace, the steps below say. */
function checkClosed(account: Extract<Account, { kind: "closed" }>, hasToken: boolean): Verdict {
  switch (account.why) {
    case "off":
      return broken("disabled", said(account), TURN_ON);
    case "other-token":
      return broken(
        "token-mismatch",
        `the app has a THROUGHLINE_FLUSH_TOKEN, and the doctor ${hasToken ? "another" : "none"}, so the app tells it nothing`,
        "Give the doctor the app's: THROUGHLINE_FLUSH_TOKEN=… npx throughline doctor …",
      );
    default:
      return { ok: "as far as can be seen from outside" };
  }
}

function checkOff({ by, reason }: Off): Verdict {
  switch (by) {
    case "disabled":
      return broken(by, `tracing is off in the app: ${reason}`, TURN_ON);
    case "bad-setting":
      return broken(by, reason, "Correct or unset what is named there and restart");
    case "start-failed":
      return broken(by, `register failed: ${reason}`, "Mend what is named there and restart");
  }
}

const TURN_ON =
  "Start it with OTEL_ENABLED=true, and without OTEL_SDK_DISABLED; build it with OTEL_ENABLED=true as well, or its pages stay untraced";

/** Where the app says nothing of itself, the page's own header tells whether the server is traced. */
function checkWithoutRoute(
  { url, status, reason }: Extract<Account, { kind: "missing" }>,
  { returned }: AppLook,
): Verdict {
  if (status === 0)
    return broken(
      "export-blocked",
      `${url} gives no answer (${reason}), and the page does`,
      "Look for a filter of the network or a firewall that takes this path; THROUGHLINE_INGEST_PATH moves it, together with the folder of the route",
    );
  const rest = returned
    ? "names a trace, so the server is traced, and the browser's spans have nowhere to go"
    : "names no trace either";
  return broken(
    "no-ingest-route",
    `nothing of the kit answers at ${url} (status ${status}); the page's answer ${rest}`,
    'Write export { POST } from "@throughline/server/ingest"; into app/api/tl/[...signal]/route.ts; at another path, name it with --ingest-path; behind a login, let that path through',
  );
}

function whyUnregistered(look: FolderLook): string {
  if (!look.isNextApp)
    return "there is no next.config here, so the files were not looked at (--dir names the app's folder)";
  const { read, unread } = instrumentationOf(look);
  if (!read)
    return unread
      ? `Next.js reads ${look.place}, and the file is ${unread.path}`
      : `there is no ${look.place}`;
  return read.registers
    ? `${read.path} names it; was it built and started since?`
    : `${read.path} exports no register`;
}

function cureOfUnregistered(look: FolderLook): string {
  const { read, unread } = instrumentationOf(look);
  const exported = 'export { register, onRequestError } from "@throughline/server";';
  if (read || !unread) return `Write ${exported} into ${look.place} and restart`;
  const moved = `Move ${unread.path} to ${look.place}`;
  return unread.registers ? `${moved} and restart` : `${moved}, write ${exported} into it and restart`;
}

function instrumentationOf({ instrumentation }: FolderLook) {
  return {
    read: instrumentation.find((file) => file.isRead),
    unread: instrumentation.find((file) => !file.isRead),
  };
}

function checkApi({ app: { account } }: Looks): Verdict {
  if (account?.kind !== "told") return notTold(account);
  const [first] = account.answer.apiCopies;
  if (first === undefined) return { ok: "of those that the app and its dependencies find" };
  const [message = "", fix = ""] = first.split(/\. (?=Add )/);
  return broken("duplicate-api", message, fix);
}

function checkContinued(looks: Looks): Verdict {
  if (isJoined(looks)) return JOINED;
  const { app } = looks;
  const { account, sent, returned } = app;
  if (account?.kind === "told") return checkArrived(account.answer, app);
  if (account?.kind === "closed" && account.why !== "off") return checkReturned(sent, returned);
  return notTold(account);
}

function checkArrived({ settings, received }: AppAnswer, { sent, returned }: AppLook): Verdict {
  if (!settings) return { skipped: "nothing is traced" };
  if (!settings.propagators.includes("tracecontext"))
    return broken(
      "no-propagator",
      `OTEL_PROPAGATORS=${settings.propagators.join(",")} in the app, so no trace is continued`,
      "Unset it, or let it hold tracecontext",
    );
  // Both are told already.
  if (received !== null && isUnsampled(received))
    return { skipped: `another traceparent arrived: ${received}` };
  if (settings.share === 0) return { skipped: "nothing is kept" };
  if (received !== null && traceOf(received) === traceOf(sent)) return checkReturned(sent, returned);
  return broken(
    "trace-header-lost",
    `the header traceparent that was sent does not arrive at the app${received === null ? "" : `, ${received} does`}`,
    "Let the proxy before it pass traceparent and tracestate on",
  );
}

function checkReturned(sent: string, returned: string | undefined): Verdict {
  if (returned === undefined)
    return broken(
      "not-continued",
      "the answer tells no trace (no Server-Timing: traceparent)",
      "Look whether instrumentation.ts calls register, whether the sampler keeps anything, whether a proxy or a cache takes Server-Timing away, and whether ignoreIncoming of register names this path",
    );
  if (traceOf(returned) === traceOf(sent)) return { ok: `trace ${traceOf(sent)}` };
  return broken(
    "not-continued",
    `a request in trace ${traceOf(sent)} was answered in ${traceOf(returned)}`,
    "Look whether a cache has answered, or a proxy replaces traceparent; trust of register decides whose traces are continued",
  );
}

function checkSampled(looks: Looks): Verdict {
  if (isJoined(looks)) return JOINED;
  const { account, arrivedUnsent } = looks.app;
  if (account?.kind !== "told") return notTold(account);
  const { received, settings } = account.answer;
  const unsampled = arrivedUnsent.filter((each) => each !== null && isUnsampled(each));
  const isAll = unsampled.length > 0 && unsampled.length === arrivedUnsent.length;
  const foreign = received !== null && isUnsampled(received) ? received : isAll ? unsampled[0] : undefined;
  if (foreign)
    return broken(
      "unsampled-parent",
      `what stands before the app says that nothing is to be kept: traceparent ${foreign} arrives, and was not sent`,
      "Have that proxy or gateway keep the caller's traceparent, or sample itself; or have the app decide by the trace id alone: OTEL_TRACES_SAMPLER=traceidratio",
    );
  if (!settings) return { skipped: "nothing is traced" };
  const gateway =
    unsampled.length > 0
      ? `; of ${arrivedUnsent.length} requests what stands before the app left out ${unsampled.length}`
      : "";
  return checkShare(settings, gateway);
}

function checkShare(settings: AnsweredSettings, gateway: string): Verdict {
  const share = settings.share;
  if (share === 1) return { ok: `every trace is kept${gateway}` };
  if (share > 0)
    return {
      ok: `${share} of all traces are kept (${settings.why})${share < 0.5 ? ": most clicks leave none" : ""}${gateway}`,
    };
  return broken(
    "nothing-exported",
    `the sampler keeps nothing: ${settings.sampler}`,
    "Set OTEL_TRACES_SAMPLER_ARG to the share to be kept, and unset OTEL_TRACES_SAMPLER",
  );
}
