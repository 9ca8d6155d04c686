import type { ExpectMatcherState, MatcherReturnType } from "@playwright/test";
import { databaseOf, methodOf, type TraceNode } from "@throughline/core";
import { adviseWait } from "./advice.ts";
import { findGaps, findHeadless, type Gap } from "./connected.ts";
import type { Evidence, Judgement, Outcome, TraceHandle } from "./evidence.ts";
import { type HopFinding, judgeHop } from "./hop.ts";
import { hasRemoteChild, matchBest, matchPath, type PathMatch } from "./match.ts";
import type { SpanPattern } from "./patterns.ts";
import { printBarrier, printGapFailure, printPathFailure, printPathPresent } from "./print.ts";

export interface MatcherOptions {
  /** Milliseconds; without it `expect.timeout` of the config. */
  readonly timeout?: number;
}

/** What `expect` of this package can do with a {@link TraceHandle}. */
export type TraceMatchers = {
  /** The trace holds these spans in this order, each below the one before; between processes as direct child. */
  toHavePath(
    this: ExpectMatcherState,
    trace: TraceHandle,
    path: readonly SpanPattern[],
    options?: MatcherOptions,
  ): Promise<MatcherReturnType>;
  /** One root, no span without its parent, a tracer in the page whose request a server's half answered, and below every request of the page its server's span, unless the server leaves it out or was not asked. */
  toBeConnected(
    this: ExpectMatcherState,
    trace: TraceHandle,
    options?: MatcherOptions,
  ): Promise<MatcherReturnType>;
};

interface PathDetail {
  readonly match: PathMatch | undefined;
  readonly hop: HopFinding | undefined;
}

interface GapDetail {
  readonly gaps: readonly Gap[];
  readonly hop: HopFinding | undefined;
}

/** The matchers; `columns` is the width of their messages. */
export function createMatchers(columns: () => number): TraceMatchers {
  return {
    async toHavePath(trace, path, options) {
      assertHandle(trace, "toHavePath");
      assertPath(path);
      const judge = this.isNot ? judgeAbsence : judgePath;
      const outcome = await trace.watch((evidence) => judge(path, evidence), timeoutOf(this, options));
      const failure = { patterns: path, outcome, columns: columns(), ...outcome.detail };
      const found = outcome.detail.match?.matched === true;
      if (this.isNot && outcome.state === "timeout") assertProven(outcome, "toHavePath");
      return verdict(trace, this.isNot, found, outcome, () =>
        found ? printPathPresent(failure) : printPathFailure(failure),
      );
    },
    async toBeConnected(trace, options) {
      assertHandle(trace, "toBeConnected");
      const outcome = await trace.watch(judgeConnection, timeoutOf(this, options));
      const connected = outcome.state === "holds";
      if (this.isNot && outcome.state === "timeout") assertProven(outcome, "toBeConnected");
      const failure = { outcome, columns: columns(), ...outcome.detail };
      return verdict(trace, this.isNot, connected, outcome, () =>
        connected ? "expect(trace).not.toBeConnected()\n\nThe trace is connected." : printGapFailure(failure),
      );
    },
  };
}

/** Found, or broken by proof of the wire in every trace where the path got as far as it gets. */
export function judgePath(path: readonly SpanPattern[], evidence: Evidence): Judgement<PathDetail> {
  const match = matchBest(path, evidence.trees);
  if (!match || match.matched) return { state: match ? "holds" : "open", detail: { match, hop: undefined } };
  const furthest = evidence.trees
    .map((tree) => matchPath(path, tree))
    .filter(({ nodes }) => nodes.length === match.nodes.length);
  const hops = furthest.flatMap(({ tree, ends }) =>
    ends.map((end) => judgeHop(end, tree, evidence.wire, evidence.settled)),
  );
  const hopeless = hops.length > 0 && hops.every((hop) => hop?.proven);
  return { state: hopeless ? "hopeless" : "open", detail: { match, hop: hops[0] } };
}

/** Absent is proven when everything that could still hold the path has been flushed. */
export function judgeAbsence(path: readonly SpanPattern[], evidence: Evidence): Judgement<PathDetail> {
  const match = matchBest(path, evidence.trees);
  const detail: PathDetail = { match, hop: undefined };
  if (!match) return { state: "open", detail };
  if (match.matched) return { state: "hopeless", detail };
  const open = evidence.trees.some((tree) => tree.orphans.length > 0 || tree.nodes.some(maySpeakLater));
  return { state: !open && evidence.settled?.server === "flushed" ? "holds" : "open", detail };
}

/** Connected, which needs a barrier: a gap may hide in what has not arrived. */
export function judgeConnection(evidence: Evidence): Judgement<GapDetail> {
  const main = evidence.trees.slice(0, evidence.mainCount);
  const headless = findHeadless(evidence);
  const gaps = [...headless.gaps, ...main.flatMap((tree) => findGaps(tree, evidence.wire))];
  const hops = gaps.flatMap(
    ({ node, tree }) => (node && judgeHop(node, tree, evidence.wire, evidence.settled)) ?? [],
  );
  const broken = headless.hop ?? hops.find((hop) => hop.proven);
  if (broken) return { state: "hopeless", detail: { gaps, hop: broken } };
  const whole = main.length > 0 && gaps.length === 0 && evidence.settled !== undefined;
  return { state: whole ? "holds" : "open", detail: { gaps, hop: hops[0] } };
}

// An HTTP call whose callee has not answered with spans yet: its process exports on its own schedule.
function maySpeakLater(node: TraceNode): boolean {
  const { span } = node;
  return (
    span.kind === "client" &&
    methodOf(span) !== undefined &&
    databaseOf(span) === undefined &&
    !hasRemoteChild(node)
  );
}

// Silence proves nothing: a negation needs a live scope, and a barrier that reached browser and server.
function assertProven({ evidence, state, waitedMs }: Outcome<unknown>, matcher: string): void {
  if (evidence.trees.length > 0 && evidence.settled?.server === "flushed") return;
  const [reason, cure] =
    evidence.trees.length === 0
      ? ["no span of this scope arrived", "let the callback do what makes a trace"]
      : ["no flush was complete", "give app and tests the same THROUGHLINE_FLUSH_TOKEN"];
  const advice = adviseWait(state, evidence) ?? cure;
  throw new Error(
    `@throughline/playwright: expect(trace).not.${matcher}() is not proven, because ${reason} after ${Math.round(waitedMs)} ms (${printBarrier(evidence.barrier)}); a negation counts only for traces that demonstrably arrive: ${advice}`,
  );
}

function verdict(
  trace: TraceHandle,
  isNot: boolean,
  pass: boolean,
  outcome: Outcome<unknown>,
  print: () => string,
): MatcherReturnType {
  if (pass !== isNot) return { pass, message: () => "" };
  const text = print();
  trace.report(text, outcome.evidence.documents);
  return { pass, message: () => text };
}

function timeoutOf(state: ExpectMatcherState, options: MatcherOptions | undefined): number {
  return options?.timeout ?? state.timeout ?? 5_000;
}

function assertHandle(trace: unknown, matcher: string): void {
  if (typeof trace === "object" && trace !== null && "watch" in trace) return;
  throw new TypeError(
    `@throughline/playwright: expect(…).${matcher}() got ${kindOf(trace)} that is not a trace; pass what "await otel.during(…)" returned`,
  );
}

function kindOf(value: unknown): string {
  if (value instanceof Promise) return "a promise (is there no await?)";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

const BUILDERS = "span.click(), span.client(), span.server(), span.db() or span.named()";

function assertPath(path: unknown): void {
  if (!Array.isArray(path) || path.length === 0)
    throw new TypeError(
      `@throughline/playwright: toHavePath() needs a list of at least one pattern, because an empty path is found everywhere; build patterns with ${BUILDERS}`,
    );
  for (const [index, step] of path.entries()) {
    if (typeof step === "object" && step !== null && "matches" in step) continue;
    throw new TypeError(
      `@throughline/playwright: step ${index + 1} of toHavePath() is ${JSON.stringify(step) ?? String(step)}, which is no pattern, so no span can be compared with it; build it with ${BUILDERS}`,
    );
  }
}
