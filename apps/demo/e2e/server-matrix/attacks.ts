import { chromium, expect } from "@playwright/test";
import { chromiumLaunchOptions } from "../../../../scripts/chromium.mjs";
import { seeded } from "../../../../scripts/seeded.mjs";
import type { Combination } from "./combinations.ts";
import type { Downstream } from "./downstream.ts";
import { flood, type Sent } from "./flood.ts";
import { ERROR_STATUS, type OtlpRecorder, SERVER_KIND, startOtlpRecorder } from "./otlp-recorder.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";

type Headers = Readonly<Record<string, string>>;
interface Attack {
  readonly name: string;
  readonly headers: (traceId: string) => Headers;
  /** How many traces may be kept, from the least to the most. */
  readonly kept: readonly [number, number];
  /** Whether a page of the app is used meanwhile. */
  readonly isVisited?: true;
}

const RATE = 0.1;
const EACH = 1_000;
const VISITS = 200;
const MAX_REQUESTS_PER_TRACE = 50;
/** What neither the app nor an id holds by chance. */
const MARK = "zqstrangerzq";
/** Of the share that is kept. */
const ONE_TRACE = "0123456789abcdef0123456789abcde1";

const ONE_MEMBER = `${MARK}=${"x".repeat(8_000)}`;
const MANY_MEMBERS = Array.from({ length: 100 }, (_, index) => `${MARK}${index}=${"x".repeat(60)}`).join(",");

// The ids are the same in every run, so three sigma is no chance; where the server draws new ones, six are none.
const SHARE = kept(EACH, 3);

const ATTACKS: readonly Attack[] = [
  { name: "each asks to be kept", headers: (id) => ({ traceparent: parent(id, "01") }), kept: SHARE },
  // A caller may leave its own request out. It says so by its id as well as by its flag.
  { name: "each asks not to be kept", headers: (id) => ({ traceparent: parent(id, "00") }), kept: [0, 0] },
  {
    name: "all name one trace",
    isVisited: true,
    headers: () => ({ traceparent: parent(ONE_TRACE, "01") }),
    kept: kept(EACH - MAX_REQUESTS_PER_TRACE, 6),
  },
  {
    name: "8 KB of tracestate",
    headers: (id) => ({ traceparent: parent(id, "01"), tracestate: id < "8" ? ONE_MEMBER : MANY_MEMBERS }),
    kept: SHARE,
  },
  {
    name: "baggage",
    headers: (id) => ({ traceparent: parent(id, "01"), baggage: `user=${MARK},${MARK}=1` }),
    kept: SHARE,
  },
];

/** What strangers send in the headers of a trace moves neither the server's rate nor anything that it writes down. */
export async function checkAttacks(
  { combination, serve }: BuiltApp,
  given: Headers,
  downstream: Downstream,
): Promise<void> {
  const recorder = await startOtlpRecorder();
  const env = {
    ...given,
    ...recorder.env,
    OTEL_TRACES_SAMPLER_ARG: String(RATE),
    OTEL_LOGS_EXPORTER: "otlp",
    WITHOUT_INSTRUMENTATIONS: "1",
    // Only an origin that is named may get baggage.
    PROPAGATE_TO: new URL(downstream.url).origin,
  };
  const before = downstream.received.length;
  try {
    await serve({ service: `server-app-${combination.name}-attacked`, env }, async (app) => {
      const random = seeded(20_251_125);
      for (const attack of ATTACKS) {
        const visit = attack.isVisited ? visitByBrowser(app, combination) : undefined;
        await Promise.all([visit, expectUnmoved(attack, { app, combination, recorder, random })]);
        if (given.REDIS_URL) await expectCleanJob(attack, app, combination);
      }
      expectNoMark({
        spans: recorder.texts.filter((text) => text.includes("resourceSpans")),
        logs: recorder.texts.filter((text) => text.includes("resourceLogs")),
        lines: app.log,
        requests: downstream.received.slice(before).map(({ headers }) => JSON.stringify(headers)),
      });
    });
  } finally {
    await recorder.stop();
  }
}

/** A stranger's text is in none of what there is of each kind. */
function expectNoMark(written: Readonly<Record<string, readonly string[]>>): void {
  for (const [kind, texts] of Object.entries(written)) {
    expect.soft(texts.length, `${kind} to look into`).toBeGreaterThan(0);
    const marked = texts.filter((text) => text.includes(MARK));
    expect.soft(marked, `${kind} with a stranger's text`).toEqual([]);
  }
}

interface Attacked {
  readonly app: ServedApp;
  readonly combination: Combination;
  readonly recorder: OtlpRecorder;
  readonly random: () => number;
}

async function expectUnmoved(attack: Attack, attacked: Attacked): Promise<void> {
  const { app, combination, recorder } = attacked;
  await flush(app, combination);
  const before = recorder.spans.length;
  await flood(requestsOf(attack, attacked));
  await flush(app, combination);
  const servers = recorder.spans.slice(before).filter(({ kind }) => kind === SERVER_KIND);
  const requests = new Map<string, number>();
  for (const { traceId } of servers) requests.set(traceId, (requests.get(traceId) ?? 0) + 1);
  expect
    .soft(Math.max(0, ...requests.values()), `requests of one trace, ${attack.name}`)
    .toBeLessThanOrEqual(MAX_REQUESTS_PER_TRACE);

  const visits = servers.filter(({ name }) => name === "GET /api/parts/[id]");
  const failed = visits.filter(({ status }) => status?.code === ERROR_STATUS);
  expect.soft(failed.length, `failed visits of others, ${attack.name}`).toBeGreaterThan(0);
  const traces = new Set(servers.filter((span) => !visits.includes(span)).map(({ traceId }) => traceId));
  const [least, most] = attack.kept;
  expect.soft(traces.size, `kept traces, ${attack.name}`).toBeGreaterThanOrEqual(least);
  expect.soft(traces.size, `kept traces, ${attack.name}`).toBeLessThanOrEqual(most);
  const errors = servers.filter(
    ({ name, status }) => name === "GET /api/throws" && status?.code === ERROR_STATUS,
  );
  if (most > 0) expect.soft(errors.length, `failures, ${attack.name}`).toBeGreaterThan(0);
}

/** A stranger's requests, and among them those of visitors who say nothing of traces and meet an error. */
function* requestsOf(attack: Attack, { app, combination, random }: Attacked): Generator<Sent> {
  const url = (path: string): string => urlOf(path, app, combination);
  for (let index = 0; index < EACH; index++) {
    yield { url: url(attackedPath(index)), headers: attack.headers(hex(random, 32)) };
    if (index % (EACH / VISITS) === 0) yield { url: url("/api/parts/broken") };
  }
}

function attackedPath(index: number): string {
  if (index % 50 === 0) return "/api/log";
  if (index % 50 === 1) return "/api/fetch";
  return index % 10 === 2 ? "/api/throws" : "/api/plain";
}

async function expectCleanJob(attack: Attack, app: ServedApp, combination: Combination): Promise<void> {
  const response = await fetch(urlOf("/api/enqueue", app, combination), {
    headers: attack.headers(ONE_TRACE),
  });
  const job = await response.text();
  expect.soft(job, `the job, ${attack.name}`).toContain("traceparent");
  expect.soft(job, `the job, ${attack.name}`).not.toContain(MARK);
}

/** A page of the app's own asks while the strangers do: the trace of each request is the one that it named. */
async function visitByBrowser(app: ServedApp, combination: Combination): Promise<void> {
  const browser = await chromium.launch(chromiumLaunchOptions());
  try {
    const page = await browser.newPage();
    const named: string[] = [];
    const answered: string[] = [];
    page.on("response", (response) => {
      const served = /desc="00-(\w{32})/.exec(response.headers()["server-timing"] ?? "")?.[1];
      // The response of a trace that is not kept names none.
      if (!response.url().endsWith("/api/plain") || !served) return;
      named.push(response.request().headers().traceparent?.slice(3, 35) ?? "none");
      answered.push(served);
    });
    await page.goto(urlOf("/form", app, combination));
    await page.evaluate(
      async (url) => {
        for (let kept = 0; kept < 3; ) {
          const response = await fetch(url);
          if (response.headers.has("server-timing")) kept++;
        }
      },
      urlOf("/api/plain", app, combination),
    );
    expect.soft(answered.length, "requests of a page that are kept").toBeGreaterThanOrEqual(3);
    expect.soft(answered, "the traces that served them").toEqual(named);
  } finally {
    await browser.close();
  }
}

/** The binomial's mean, and so many of its sigmas to both sides. */
function kept(requests: number, sigmas: number): readonly [number, number] {
  const [mean, sigma] = [requests * RATE, Math.sqrt(requests * RATE * (1 - RATE))];
  return [mean - sigmas * sigma, mean + sigmas * sigma];
}

function parent(traceId: string, flags: "00" | "01"): string {
  return `00-${traceId}-b7ad6b7169203331-${flags}`;
}

function hex(random: () => number, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
}
