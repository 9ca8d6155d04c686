import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AnsweredSettings, AppAnswer, Delivery } from "./app-answer.ts";
import type { AppLook, Closed } from "./ask-app.ts";
import { deliveryFault } from "./delivery-checks.ts";
import { FAULT_CODES, type Looks, type Verdict } from "./faults.ts";
import { HOPS } from "./hops.ts";
import { lookAtFolder } from "./look-at-folder.ts";
import type { PageLook } from "./look-at-page.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SENT = `00-${TRACE}-b7ad6b7169203331-01`;
const OTHER = `00-${"a".repeat(32)}-b7ad6b7169203331-01`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "throughline-doctor-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text = ""): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const settings: AnsweredSettings = {
  service: "shop",
  exporters: ["otlp"],
  sampler: "parentbased_traceidratio",
  share: 1,
  why: "as set",
  propagators: ["tracecontext", "baggage"],
};

const answer: AppAnswer = {
  version: "0.1.0",
  node: "20.20.2",
  isRegistered: true,
  way: "own",
  settings,
  received: SENT,
  apiCopies: [],
  counts: { created: 12, sent: 9, rejected: 0, dropped: 2, waiting: 1 },
  propagateTo: [],
  pages: { requests: 40, posts: 3 },
  warnings: [],
  exports: (["server", "browser"] as const).map((of) =>
    delivered(of, { kind: "taken", rejected: 0, message: "" }),
  ),
};

function delivered(of: Delivery["of"], outcome: Delivery["outcome"]): Delivery {
  return { of, url: "http://localhost:4318/v1/traces", protocol: "http/protobuf", ms: 3, outcome };
}

const app: AppLook = {
  url: new URL("http://localhost:3000/"),
  page: { status: 200 },
  account: { kind: "told", answer },
  hasToken: false,
  sent: SENT,
  returned: `00-${TRACE}-00f067aa0ba902b7-01`,
  arrivedUnsent: [null, null],
};

const ENDPOINT = "http://localhost:3000/api/tl/v1/traces";
const page: PageLook = {
  origin: "http://localhost:3000",
  isTraced: true,
  endpoint: ENDPOINT,
  posts: [{ url: ENDPOINT, status: 202 }],
  refused: [],
  violations: [],
  join: { sent: SENT, returned: SENT },
};

function told(change: Partial<AppAnswer>): AppLook {
  return { ...app, account: { kind: "told", answer: { ...answer, ...change } } };
}

function verdicts(looks: Partial<Looks>): readonly Verdict[] {
  const all = { app, page, folder: lookAtFolder(folder), preflights: [], ...looks };
  return HOPS.map(({ check }) => check(all));
}

function firstFault(looks: Partial<Looks>): string {
  for (const verdict of verdicts(looks)) {
    if ("fault" in verdict) return `${verdict.fault.code}: ${verdict.fault.message}. ${verdict.fault.fix}`;
  }
  return "healthy";
}

test("an app whose every step is whole is healthy", () => {
  expect(firstFault({})).toBe("healthy");
});

test("a share below 1 is no fault, and is told; one of 0 is, and not the trace that is missing for it", () => {
  const keeping = (share: number) => told({ settings: { ...settings, share } });
  expect(verdicts({ app: keeping(0.1) })).toContainEqual({
    ok: "0.1 of all traces are kept (as set): most clicks leave none",
  });
  const unkept = { ...page, join: { sent: SENT, returned: undefined } };
  expect(firstFault({ app: keeping(0.1), page: unkept })).toBe("healthy");
  expect(firstFault({ page: unkept })).toMatch(/^not-continued: /);
  expect(firstFault({ app: { ...keeping(0), returned: undefined } })).toMatch(
    /^nothing-exported: .*OTEL_TRACES_SAMPLER_ARG/,
  );
  const off = told({ settings: { ...settings, sampler: "always_off", share: 0 } });
  expect(firstFault({ app: { ...off, returned: undefined } })).toMatch(/^nothing-exported: .*always_off/);
});

test("a gateway that leaves out each request is told, one that samples is not", () => {
  const unsampled = SENT.replace(/1$/, "0");
  const cleared = { ...told({ received: unsampled }), returned: undefined };
  expect(firstFault({ app: cleared })).toMatch(/^unsampled-parent: /);
  expect(firstFault({ app: { ...app, arrivedUnsent: [unsampled, unsampled] } })).toMatch(
    /^unsampled-parent: /,
  );
  const sampling = { ...app, arrivedUnsent: [unsampled, null, SENT] };
  expect(firstFault({ app: sampling })).toBe("healthy");
  expect(JSON.stringify(verdicts({ app: sampling }))).toContain(
    "of 3 requests what stands before the app left out 1",
  );
});

test("beside another tracer that is joined what is kept is not judged", () => {
  const joined = { ...told({ way: "join", received: null }), returned: undefined };
  const restarted = { ...page, join: { sent: SENT, returned: OTHER } };
  expect(firstFault({ app: joined, page: restarted })).toBe("healthy");
  expect(firstFault({ page: restarted })).toMatch(/^not-continued: /);
});

test("a page that is answered in another trace, or in none, is not continued", () => {
  expect(firstFault({ app: { ...app, returned: OTHER } })).toMatch(/^not-continued: .*answered in a{32}/);
  expect(firstFault({ app: { ...app, returned: undefined } })).toMatch(/^not-continued: .*Server-Timing/);
  const cached = { ...page, join: { sent: SENT, returned: OTHER } };
  expect(firstFault({ page: cached })).toMatch(/^not-continued: .*service worker/);
});

test("another trace in place of the one that was sent is a header that was lost", () => {
  expect(firstFault({ app: told({ received: OTHER }) })).toMatch(/^trace-header-lost: .*a{32}.* does/);
});

test("a route that is not there tells whether the server is traced", () => {
  const missing = { kind: "missing", url: `${app.url}api/tl/doctor`, status: 404, reason: "" } as const;
  expect(firstFault({ app: { ...app, account: missing } })).toMatch(
    /^no-ingest-route: .*so the server is traced/,
  );
  expect(firstFault({ app: { ...app, account: missing, returned: undefined } })).toMatch(
    /names no trace either/,
  );
});

test.each([
  [["next.config.ts", "app/page.tsx"], /there is no instrumentation\.ts/],
  [
    ["next.config.ts", "src/app/page.tsx", "instrumentation.ts"],
    /reads src\/instrumentation\.ts, and the file is instrumentation\.ts/,
  ],
  [
    ["next.config.ts", "app/page.tsx", "src/instrumentation.ts"],
    /reads instrumentation\.ts, and the file is src\/instrumentation\.ts/,
  ],
  [["next.config.ts", "pages/index.tsx", "instrumentation.js"], /instrumentation\.js exports no register/],
  [["next.config.js", "app/page.js", "instrumentation.mjs"], /the file is instrumentation\.mjs/],
  [
    ["next.config.ts", "app/page.tsx", "app/instrumentation.ts"],
    /the file is app\/instrumentation\.ts\. Move app\/instrumentation\.ts to instrumentation\.ts, write export/,
  ],
  [
    ["next.config.ts", "src/app/page.tsx", "src/app/instrumentation.ts"],
    /Move src\/app\/instrumentation\.ts to src\/instrumentation\.ts/,
  ],
  [["package.json"], /there is no next\.config here/],
])("with the files %j the reason why register has not run is told", (files, says) => {
  for (const file of files) write(file);
  expect(firstFault({ app: told({ isRegistered: false }) })).toMatch(/^register-not-called: /);
  expect(firstFault({ app: told({ isRegistered: false }) })).toMatch(says);
});

test("a file with register in the wrong place is to be moved, as it is", () => {
  write("next.config.ts");
  write("app/instrumentation.ts", 'export { register } from "@throughline/server";');
  expect(firstFault({ app: told({ isRegistered: false }) })).toMatch(
    /Move app\/instrumentation\.ts to instrumentation\.ts and restart$/,
  );
});

test("a page that is not traced is told with the config that does not say so", () => {
  const untraced = { ...page, isTraced: false, endpoint: undefined, posts: [], join: undefined };
  expect(firstFault({ page: untraced })).toMatch(
    /^page-not-traced: the page starts no tracing\. .*OTEL_ENABLED=true/,
  );
  write("next.config.ts", "export default {};");
  expect(firstFault({ page: untraced })).toMatch(/next\.config\.ts does not call withTracing/);
  write("next.config.ts", "export default withTracing({});");
  expect(firstFault({ page: untraced })).not.toMatch(/does not call/);
  const policed = {
    ...untraced,
    violations: [{ directive: "script-src-elem", blocked: "http://localhost:3000/a.js" }],
  };
  expect(firstFault({ page: policed })).toMatch(/^csp-denied: .*script-src-elem/);
});

test("posts that are answered wrongly, not sent, or cut off are told apart", () => {
  const posted = (...posts: PageLook["posts"]) => firstFault({ page: { ...page, posts } });
  expect(posted({ url: ENDPOINT, status: 403 })).toMatch(/^export-refused: .*status 403/);
  expect(posted()).toMatch(/^export-blocked: .*sent nothing.*consent/);
  expect(posted({ url: ENDPOINT, status: 0, error: "net::ERR_CONNECTION_RESET" })).toMatch(
    /^export-blocked: .*RESET/,
  );
  expect(posted({ url: ENDPOINT, status: 0, error: "net::ERR_FAILED" }, { url: ENDPOINT, status: 202 })).toBe(
    "healthy",
  );
});

test("a request of the page without traceparent is told", () => {
  expect(firstFault({ page: { ...page, join: undefined } })).toMatch(/^no-propagator: .*propagation: "off"/);
});

test("register that failed is told with its reason", () => {
  const off = { by: "start-failed", reason: "@sentry/node has registered OpenTelemetry before" } as const;
  expect(firstFault({ app: told({ off }) })).toMatch(
    /^start-failed: register failed: @sentry\/node has registered/,
  );
});

test.each([
  ["gRPC status 12, unknown service", "wrong-path"],
  ["gRPC status 16", "unauthorized"],
  ["status 403, no such key", "unauthorized"],
  ["getaddrinfo ENOTFOUND collector.test", "collector-unreachable"],
  ["Hostname/IP does not match certificate's altnames", "certificate"],
  ["status 413", "collector-refuses"],
  ["status 400, no such dataset", "collector-refuses"],
  ["ssl3_get_record:wrong version number", "protocol-mix"],
  ["write EPROTO ssl3_read_bytes:sslv3 alert handshake failure", "certificate"],
])("an export that ends with %j is %s", (reason, code) => {
  expect(
    deliveryFault({ of: "server", url: "", protocol: "grpc" }, { kind: "refused", reason, cure: "Do that" })
      .code,
  ).toBe(code);
});

test.each([404, 405, 415])(
  "to a call of gRPC status %s is another port, and no path or encoding",
  (status) => {
    const refused = { kind: "refused", reason: `status ${status}`, cure: "Do that" } as const;
    expect(deliveryFault({ of: "server", url: "", protocol: "grpc" }, refused)).toMatchObject({
      code: "protocol-mix",
      fix: expect.stringContaining("4317 is the port of gRPC"),
    });
  },
);

test("where only the browser's spans are not taken, that is told", () => {
  const refused = delivered("browser", {
    kind: "later",
    reason: "connect ECONNREFUSED ::1:4318",
    cure: "",
    reached: false,
  });
  expect(firstFault({ app: told({ exports: [...answer.exports.slice(0, 1), refused] }) })).toMatch(
    /^collector-unreachable: .*does not take the browser's spans: connect/,
  );
});

test("a collector that takes another encoding is told with the variable that chooses it", () => {
  const refused = { kind: "refused", reason: "status 415", cure: "Do that" } as const;
  const fault = deliveryFault({ of: "browser", url: "", protocol: "http/json" }, refused);
  expect(fault).toMatchObject({
    code: "protocol-mix",
    fix: expect.stringContaining("OTEL_EXPORTER_OTLP_PROTOCOL"),
  });
  expect(fault.fix).not.toContain("4317");
});

test("docs/doctor.md has a line for each fault", () => {
  const text = readFileSync(new URL("../../../../docs/doctor.md", import.meta.url), "utf8");
  expect([...text.matchAll(/^\| `([a-z-]+)` /gm)].map(([, code]) => code)).toEqual(FAULT_CODES);
});

test("pages that ask in kept traces and post nothing are blocked; a few may not have posted yet", () => {
  const visited = (requests: number, posts: number) =>
    firstFault({ app: told({ pages: { requests, posts } }) });
  expect(visited(20, 0)).toMatch(
    /^export-blocked: 20 requests of pages .*no page has posted a span\. .*ad blocker/,
  );
  expect(visited(101, 1)).toMatch(/^export-blocked: 101 requests .*only 1 posts/);
  expect([visited(19, 0), visited(100, 1), visited(0, 9)]).toEqual(["healthy", "healthy", "healthy"]);
});

test("a collector that takes nothing but empty requests is told", () => {
  const counts = { created: 12, sent: 0, rejected: 12, dropped: 0, waiting: 0 };
  expect(firstFault({ app: told({ counts }) })).toMatch(
    /^collector-refuses: .*of 12 spans 0 sent, 12 rejected/,
  );
});

test("an app behind a gateway that finds nothing is not there, and an unknown authority is told with its cure", () => {
  expect(firstFault({ app: { ...app, page: { status: 502 } } })).toMatch(/^app-unreachable: .*status 502/);
  const unknown = { error: "unable to verify the first certificate" };
  expect(firstFault({ app: { ...app, page: unknown } })).toMatch(/^app-unreachable: .*NODE_EXTRA_CA_CERTS/);
});

test("a page that leads to a login elsewhere is not judged", () => {
  const login = { ...page, origin: "https://sso.test", isTraced: false, posts: [], join: undefined };
  expect(firstFault({ page: login })).toBe("healthy");
  expect(verdicts({ page: login })).toContainEqual({
    unseen: {
      reason: "http://localhost:3000/ leads to https://sso.test",
      fix: expect.stringContaining("--no-browser"),
    },
  });
});

test("where the door is closed, off and another token are told, and nothing else is called whole", () => {
  const closed = (why: Closed): AppLook => ({
    ...app,
    account: { kind: "closed", why, reason: "@throughline/server: no token" },
  });
  expect(firstFault({ app: closed("off") })).toMatch(/^disabled: no token/);
  expect(firstFault({ app: closed("other-token") })).toMatch(/^token-mismatch: .*the doctor none, .*app's/);
  expect(firstFault({ app: { ...closed("other-token"), hasToken: true } })).toMatch(
    /^token-mismatch: .*the doctor another/,
  );
  const unseen = verdicts({ app: closed("no-token") }).filter((verdict) => "unseen" in verdict);
  expect(unseen).toHaveLength(6);
  expect(unseen[0]).toEqual({
    unseen: { reason: "no token", fix: expect.stringContaining("the same THROUGHLINE_FLUSH_TOKEN") },
  });
  expect(verdicts({ app: closed("failed") })).toContainEqual({
    unseen: { reason: "no token", fix: expect.stringContaining("the app's log") },
  });
});

test("what was lost is told beside a collector that is whole", () => {
  expect(JSON.stringify(verdicts({}))).toContain("of 12 spans 9 sent, 0 rejected, 2 dropped, 1 waiting");
});
