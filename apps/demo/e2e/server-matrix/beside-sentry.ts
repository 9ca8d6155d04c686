import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "@playwright/test";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import { flush } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";
import { printTree } from "./span-tree.ts";

const SENTRY_START = new URL("../fixtures/server-app/sentry.cjs", import.meta.url).href;

/** A page and a route handler that call out; what the page makes by `withSpan` is ours alone. */
const PATHS = ["/rsc/7", "/api/fetch"] as const;
type Path = (typeof PATHS)[number];

interface SentrySpan {
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id?: string;
  readonly name: string;
  /** The root of what one process has of a trace. */
  readonly is_segment: boolean;
}

const WHOLE = {
  "/rsc/7": [
    "GET /rsc/[id] · server",
    "  render route (app) /rsc/[id] · internal",
    "    GET · client",
    "    read item · internal",
  ],
  "/api/fetch": [
    "GET /api/fetch · server",
    "  executing api route (app) /api/fetch · internal",
    "    GET · client",
  ],
};

/** Spans of Next.js are the other side's there. */
const APART = {
  "/rsc/7": ["GET /rsc/[id] · server", "  GET · client", "  read item · internal"],
  "/api/fetch": ["GET /api/fetch · server", "  GET · client"],
};

const NOTHING = { "/rsc/7": [], "/api/fetch": [] };

interface Row {
  readonly order: "theirs first" | "ours first";
  readonly mode: string;
  readonly ours: Readonly<Record<Path, readonly string[]>>;
  /** Of each request: everything, without or with the span that `withSpan` made, or its own spans of outgoing calls alone. */
  readonly theirs: "whole" | "whole, with ours" | "calls";
  readonly says?: RegExp;
}

const STAYS_OFF = /tracing stays off: .*registered OpenTelemetry before/;
const CAME_SECOND = /wanted to register OpenTelemetry too/;

const ROWS: readonly Row[] = [
  { order: "theirs first", mode: "isolate", ours: APART, theirs: "whole" },
  { order: "ours first", mode: "isolate", ours: APART, theirs: "whole" },
  { order: "theirs first", mode: "own", ours: WHOLE, theirs: "calls", says: /mode "own" replaces it/ },
  { order: "ours first", mode: "own", ours: WHOLE, theirs: "calls", says: CAME_SECOND },
  { order: "theirs first", mode: "join", ours: NOTHING, theirs: "whole, with ours", says: STAYS_OFF },
  { order: "ours first", mode: "join", ours: WHOLE, theirs: "calls", says: CAME_SECOND },
];

/** One build beside the real Sentry, started before the kit and after it: docs/server/coexistence.md. */
export async function checkBesideSentry(
  built: BuiltApp,
  given: Readonly<Record<string, string>>,
): Promise<void> {
  for (const row of ROWS) {
    const title = `Sentry, ${row.order}, mode ${row.mode}`;
    const env = {
      ...given,
      THROUGHLINE_MODE: row.mode,
      WITHOUT_INSTRUMENTATIONS: "1",
      SENTRY: row.order === "theirs first" ? "before" : "after",
      SENTRY_START,
      SENTRY_FILE: test.info().outputPath(`${title}.jsonl`),
    };
    const service = `server-app-beside-sentry-${title.replace(/\W+/g, "-")}`;
    await built.serve({ service, env }, (app) => checkRow(row, title, app, built));
  }
}

async function checkRow(row: Row, title: string, app: ServedApp, built: BuiltApp): Promise<void> {
  // It is answered when register() is over; Next.js calls itself ready before.
  await flush(app, built.combination);
  const callers = PATHS.map((path) => ({ path, caller: newTraceparent() }));
  for (const { path, caller } of callers) {
    const response = await fetch(app.url + path, { headers: { traceparent: caller.header } });
    expect.soft(response.status, `${title}: ${path}`).toBe(200);
    await response.text();
  }
  await flush(app, built.combination);
  for (const { path, caller } of callers) {
    const tree = async () => printTree((await readTrace(caller.traceId))?.spans ?? [], caller.spanId);
    await expect.soft.poll(tree, { message: `${title}: ${path}`, timeout: 3_000 }).toEqual(row.ours[path]);
  }
  process.kill(app.pid, "SIGUSR2");
  const file = test.info().outputPath(`${title}.jsonl`);
  const linesNow = () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);
  await expect.poll(linesNow, { message: title }).toContain("flushed");
  const theirs = linesNow().flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as SentrySpan] : []));
  for (const path of PATHS)
    expect
      .soft(namesAtSentry(theirs, path), `${title}: what Sentry has of ${path}`)
      .toEqual(theirsOf(row, path));
  const others = theirs.filter(({ name }) => !/^GET 127\.0\.0\.1$/.test(name));
  if (row.theirs === "calls") {
    expect.soft(theirs.length, `${title}: calls at Sentry`).toBeGreaterThan(0);
    expect.soft(others, `${title}: what else Sentry has`).toEqual([]);
  }
  if (row.says) expect.soft(app.log.join("\n"), title).toMatch(row.says);
}

/** The names of all that is below the root of this request, each below a parent that is there too. */
function namesAtSentry(spans: readonly SentrySpan[], path: Path): readonly string[] {
  const [server = ""] = WHOLE[path];
  const root = spans.find((span) => span.is_segment && `${span.name} · server` === server);
  if (!root) return [];
  const trace = spans.filter(({ trace_id }) => trace_id === root.trace_id);
  const ids = new Set(trace.map(({ span_id }) => span_id));
  const lost = trace.filter((span) => span !== root && !ids.has(span.parent_span_id ?? ""));
  expect.soft(lost, `spans of ${path} that Sentry has without their parent`).toEqual([]);
  const told = /^(GET \/|render route|executing|fetch GET|read item)/;
  return trace
    .map(({ name }) => name.replace(/ http:.*/, ""))
    .filter((name) => told.test(name))
    .sort();
}

function theirsOf({ theirs }: Row, path: Path): readonly string[] {
  if (theirs === "calls") return [];
  const names = {
    "/rsc/7": [
      "GET /rsc/[id]",
      "fetch GET",
      ...(theirs === "whole" ? [] : ["read item"]),
      "render route (app) /rsc/[id]",
    ],
    "/api/fetch": ["GET /api/fetch", "executing api route (app) /api/fetch", "fetch GET"],
  };
  return names[path];
}
