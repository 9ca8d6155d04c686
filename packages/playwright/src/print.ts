import {
  ancestorsOf,
  hopName,
  serviceOf,
  spanLabel,
  type TraceNode,
  type TraceTree,
} from "@throughline/core";
import { adviseWait, explainNothing } from "./advice.ts";
import type { Gap } from "./connected.ts";
import type { Evidence, Outcome, SettleReport } from "./evidence.ts";
import type { HopFinding } from "./hop.ts";
import { hasRemoteChild, isBrowserSpan, type PathMatch } from "./match.ts";
import type { SpanPattern } from "./patterns.ts";
import { drawWaterfall, type Mark, shortId } from "./waterfall.ts";
import type { WireEntry } from "./wire.ts";
import { printFact, wrap } from "./wrap.ts";

/** What every failure message is told besides its own finding. */
export interface FailureFrame {
  readonly outcome: Pick<Outcome<unknown>, "state" | "evidence" | "waitedMs">;
  readonly columns: number;
}

export interface PathFailure extends FailureFrame {
  readonly patterns: readonly SpanPattern[];
  /** `undefined`: no trace at all. */
  readonly match: PathMatch | undefined;
  readonly hop: HopFinding | undefined;
}

export interface GapFailure extends FailureFrame {
  readonly gaps: readonly Gap[];
  readonly hop: HopFinding | undefined;
}

/** Why a path was not found: the break, the trace that did arrive, the wire, the cause. */
export function printPathFailure(failure: PathFailure): string {
  const { patterns, match, hop, outcome, columns } = failure;
  const lines = [`expect(trace).toHavePath(${printPath(patterns)})`, "", headline(failure), ""];
  if (match) {
    const missing = patterns[match.nodes.length];
    const marks = new Map<TraceNode, Mark>(match.nodes.map((node) => [node, "✓"]));
    for (const stray of match.strays) marks.set(stray, "~");
    lines.push(...section(match.tree, "", columns, (node) => marks.get(node) ?? " "));
    if (missing) lines.push(`✗ ${"  ".repeat(match.nodes.length)}(expected) ${missing.describe}`);
    lines.push("");
  }
  lines.push(...besides(outcome.evidence, match?.tree, columns), ...explain(hop, columns), ...facts(failure));
  const advice = adviseStep(failure);
  if (advice) lines.push(printFact("What to do", advice, columns));
  return lines.join("\n");
}

function adviseStep({ match, hop, outcome }: PathFailure): string | undefined {
  if (!match || hop || adviseWait(outcome.state, outcome.evidence)) return undefined;
  const [last, stray] = [match.nodes.at(-1), match.strays[0]];
  if (!stray) return COMPARE;
  return last && skippedStep(last, stray);
}

const COMPARE =
  "compare the expected step with the spans above: text is compared whole, a RegExp anywhere in it; a path has no origin and no query";

/** Why a path that must not be there is. */
export function printPathPresent(failure: PathFailure): string {
  const { patterns, match, columns } = failure;
  const marks = new Set(match?.nodes);
  return [
    `expect(trace).not.toHavePath(${printPath(patterns)})`,
    "",
    "The path is there:",
    "",
    ...(match ? section(match.tree, "", columns, (node) => (marks.has(node) ? "✗" : " ")) : []),
    "",
    ...facts(failure),
  ].join("\n");
}

/** Why a trace is not one connected whole. */
export function printGapFailure(failure: GapFailure): string {
  const { gaps, hop, outcome, columns } = failure;
  const { evidence } = outcome;
  const main = evidence.trees.slice(0, evidence.mainCount);
  const broken = new Set(gaps.map((gap) => gap.node));
  const lines = ["expect(trace).toBeConnected()", ""];
  if (main.length === 0) lines.push(wrap(explainNothing(evidence), columns), "");
  if (hop) lines.push(`Broken: browser → server.  ${[hop.code, hop.message].filter(Boolean).join(" ")}`);
  for (const gap of gaps) lines.push(`- ${gap.message}`);
  if (gaps.length > 0) lines.push("");
  else if (main.length > 0)
    lines.push("No gap in sight, but more may be under way: the barrier below was not complete.", "");
  for (const tree of main)
    lines.push(...section(tree, "", columns, (node) => (broken.has(node) ? "✗" : " ")), "");
  lines.push(...besides(evidence, undefined, columns), ...explain(hop, columns), ...facts(failure));
  return lines.join("\n");
}

/** Every trace of a test, for the attachment of a failure that no trace assertion caused. */
export function printTraces(trees: readonly TraceTree[], columns: number): string {
  return trees.map((tree) => section(tree, "", columns, () => " ").join("\n")).join("\n\n");
}

/** `wire idle, browser flushed (1 page), server flushed` */
export function printBarrier(barrier: SettleReport | undefined): string {
  if (!barrier) return "no flush finished";
  const wire = barrier.busy.length === 0 ? "wire idle" : `wire busy (${barrier.busy.slice(0, 3).join(", ")})`;
  const browser =
    barrier.flushedPages > 0
      ? `browser flushed (${count(barrier.flushedPages, "page")})`
      : `browser not flushed (${barrier.unflushedPages.length > 0 ? `no tracer, or no answer in time: ${barrier.unflushedPages.join(", ")}` : "no page is open"})`;
  const rest =
    barrier.unflushedPages.length > 0 && barrier.flushedPages > 0
      ? `, not flushed: ${barrier.unflushedPages.join(", ")}`
      : "";
  return `${wire}, ${browser}${rest}, ${printServer(barrier.server)}`;
}

function printServer(server: SettleReport["server"]): string {
  if (server === "flushed") return "server flushed";
  if (server === "no token")
    return "server not flushed (THROUGHLINE_FLUSH_TOKEN is not set here; set the same secret for the app and the tests)";
  if (server === "no flush route")
    return "server not flushed (no page names a flush route of its own origin)";
  return `server not flushed (${server})`;
}

function headline({ patterns, match, hop, outcome, columns }: PathFailure): string {
  if (!match) return wrap(explainNothing(outcome.evidence), columns);
  const step = match.nodes.length;
  const last = match.nodes.at(-1);
  const missing = patterns[step]?.describe ?? "";
  if (!last)
    return `Step 1 is missing: no span of ${count(outcome.evidence.trees.length, "trace")} is ${missing}.`;
  const between = `Broken between ${step} and ${step + 1}: ${nameHop(last)}.`;
  if (hop) return `${between}  ${[hop.code, hop.message].filter(Boolean).join(" ")}`;
  const [stray] = match.strays;
  if (!stray) return `${between}  No span of this trace is ${missing}.`;
  const parent = stray.parent ? spanLabel(stray.parent.span) : "nothing";
  return `${between}  ${spanLabel(stray.span)} (${serviceOf(stray.span)}) is there, but hangs under ${parent}.`;
}

// The commonest mistake: from a click straight to the server.
function skippedStep(last: TraceNode, { parent, ...stray }: TraceNode): string | undefined {
  if (!parent || parent === last || serviceOf(stray.span) === serviceOf(last.span)) return undefined;
  if (![...ancestorsOf(parent)].includes(last)) return undefined;
  return `put ${parent.span.kind} ${spanLabel(parent.span)} between the two: a step into another process is the direct child of the step before`;
}

function nameHop(last: TraceNode): string {
  if (last.span.kind === "client" && !hasRemoteChild(last)) {
    return isBrowserSpan(last) ? "browser → server" : hopName(last);
  }
  return `after ${spanLabel(last.span)} in ${serviceOf(last.span)}`;
}

function section(
  tree: TraceTree,
  note: string,
  columns: number,
  markOf: (node: TraceNode) => Mark,
): readonly string[] {
  const services = [...new Set(tree.nodes.map((node) => serviceOf(node.span)))].join(", ");
  const title = `  trace ${shortId(tree.traceId)}  (${[services, count(tree.nodes.length, "span"), note].filter(Boolean).join(", ")})`;
  return [title, ...drawWaterfall(tree, { columns: columns - 4, markOf })];
}

// What the test also made: first the halves that the server's own answer ties to this scope.
function besides(evidence: Evidence, drawn: TraceTree | undefined, columns: number): readonly string[] {
  const others = [...evidence.trees.slice(drawn ? 0 : evidence.mainCount), ...evidence.nearby];
  return others
    .filter((tree) => tree !== drawn)
    .slice(0, 3)
    .flatMap((tree) => {
      return [...section(tree, noteOf(tree, evidence), columns, () => "~"), ""];
    });
}

function noteOf(tree: TraceTree, { trees, mainCount, wire }: Evidence): string {
  if (trees.indexOf(tree) >= 0 && trees.indexOf(tree) < mainCount) return "the callback made it too";
  const entry = wire.find(({ serverTrace }) => serverTrace?.traceId === tree.traceId);
  return entry ? "not connected; known from Server-Timing" : "not connected";
}

function explain(hop: HopFinding | undefined, columns: number): readonly string[] {
  if (!hop) return [];
  return [
    ...(hop.entry ? [printFact("On the wire", printEntry(hop.entry), columns)] : []),
    printFact("Likely cause", hop.cause, columns),
    printFact("What to do", hop.fix, columns),
  ];
}

function printEntry({ method, url, status, traceparent, serverTrace, isCopy, state }: WireEntry): string {
  const sent = traceparent ? `${shortId(traceparent.traceId)} (sent)` : "(absent)";
  const answered = serverTrace ? shortId(serverTrace.traceId) : isCopy ? "(copy)" : "(absent)";
  return `${method} ${url} → ${status ?? state}   traceparent: ${sent}   server-timing: ${answered}`;
}

function facts({ outcome, columns }: FailureFrame): readonly string[] {
  const { evidence, state, waitedMs } = outcome;
  const spans = evidence.documents.reduce((sum, document) => sum + document.spans.length, 0);
  const traces = count(evidence.documents.length, "trace");
  const end = state === "timeout" ? "timed out" : "proven, not timed out";
  const advice = adviseWait(state, evidence);
  const told: readonly (readonly [string, string])[] = [
    ["Waited", `${Math.round(waitedMs)} ms, ${end}; ${printBarrier(evidence.barrier)}`],
    ["Arrived", `${count(spans, "span")} in ${traces} at ${evidence.collectorUrl}`],
    ...(advice ? [["What to do", advice] as const] : []),
    ...evidence.notes.map((note) => ["Note", note] as const),
  ];
  return told.map(([name, text]) => printFact(name, text, columns));
}

function printPath(patterns: readonly SpanPattern[]): string {
  return `[${patterns.map((pattern) => pattern.describe).join(", ")}]`;
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}
