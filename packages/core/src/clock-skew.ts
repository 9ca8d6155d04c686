import type { Finding } from "./diagnosis.ts";
import { methodOf, statusCodeOf } from "./span-label.ts";
import { type SpanRecord, serviceOf } from "./span-record.ts";

/** Two clocks that are kept well may differ by as much, and so may two readings of one. */
const SLACK_NANO = 5_000_000n;

/** A process whose clock disagrees with its neighbours'. */
export interface ClockShift {
  readonly service: string;
  readonly spanIds: readonly string[];
  /** To be added to every time that the process told. */
  readonly shiftNano: bigint;
}

export interface ClockCorrection {
  /** The spans by one clock; the given ones where no clock was off. */
  readonly spans: readonly SpanRecord[];
  readonly shifts: readonly ClockShift[];
}

/** What the requests from one process to another allow: the callee's clock may be moved by `least` to `most`. */
interface Edge {
  readonly caller: string;
  readonly callee: string;
  least: bigint;
  most: bigint | undefined;
  isOff: boolean;
}

/**
 * Puts the spans of one trace on one clock. A request that begins before the call that made it, or after that has
 * ended, proves a clock wrong; then all spans of a process are moved by the same time, so that what it was asked lies
 * in the middle of the calls. The server that the browser asks keeps its clock: servers are kept by NTP, a visitor's
 * computer is not.
 */
export function correctClocks(spans: readonly SpanRecord[]): ClockCorrection {
  const edges = edgesOf(spans);
  if (!edges.some(({ isOff }) => isOff)) return { spans, shifts: [] };
  const shiftOf = shiftsOf(edges, spans);
  const moved = new Map<string, { service: string; spanIds: string[]; shiftNano: bigint }>();
  const corrected = spans.map((span) => {
    const shiftNano = shiftOf.get(processOf(span)) ?? 0n;
    if (shiftNano === 0n) return span;
    const known = moved.get(processOf(span));
    if (known) known.spanIds.push(span.spanId);
    else moved.set(processOf(span), { service: serviceOf(span), spanIds: [span.spanId], shiftNano });
    return shifted(span, shiftNano);
  });
  return { spans: corrected, shifts: [...moved.values()] };
}

/** What a reader has to know of it. */
export function clockFinding({ service, spanIds, shiftNano }: ClockShift): Finding {
  const seconds = Math.abs(Number(shiftNano / 1_000_000n)) / 1000;
  const wrong = shiftNano > 0n ? "behind" : "ahead";
  return {
    code: "TL-P20",
    severity: "info",
    spanIds,
    message: `the clock of ${service} is ${seconds} s ${wrong}: its spans are shown by the clock of the server`,
    cause: "its computer's clock is set wrong, or was when the page was loaded",
    fix: "nothing in the app; a span's details have its time as sent, and the API's `spans` have all of them so",
  };
}

function edgesOf(spans: readonly SpanRecord[]): readonly Edge[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const edges = new Map<string, Edge>();
  for (const span of spans) {
    const call = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
    if (call?.kind !== "client") continue;
    const [caller, callee] = [processOf(call), processOf(span)];
    if (caller === callee) continue;
    const edge = edges.get(`${caller}\n${callee}`);
    if (edge) narrow(edge, call, span);
    else edges.set(`${caller}\n${callee}`, newEdge(caller, callee, call, span));
  }
  return [...edges.values()];
}

function newEdge(caller: string, callee: string, call: SpanRecord, span: SpanRecord): Edge {
  const edge = {
    caller,
    callee,
    least: call.startUnixNano - span.startUnixNano,
    most: undefined,
    isOff: false,
  };
  narrow(edge, call, span);
  return edge;
}

function narrow(edge: Edge, call: SpanRecord, span: SpanRecord): void {
  const least = call.startUnixNano - span.startUnixNano;
  const most = call.endUnixNano - span.endUnixNano;
  if (least > edge.least) edge.least = least;
  edge.isOff ||= least > SLACK_NANO;
  if (!wasAnswered(call)) return;
  // What goes on after its answer tells nothing of the end.
  if (most >= least && (edge.most === undefined || most < edge.most)) edge.most = most;
  edge.isOff ||= span.startUnixNano - call.endUnixNano > SLACK_NANO;
}

/** A caller that gave up may be served long after. */
function wasAnswered(call: SpanRecord): boolean {
  return methodOf(call) === undefined ? call.status.code !== "error" : statusCodeOf(call) !== undefined;
}

function shiftsOf(edges: readonly Edge[], spans: readonly SpanRecord[]): ReadonlyMap<string, bigint> {
  const shifts = new Map([[firstServer(edges, spans), 0n]]);
  for (const [process, shift] of shifts) {
    // A map tells of what is added while it is read.
    for (const edge of edges) {
      const { caller, callee } = edge;
      if (caller === process && !shifts.has(callee)) shifts.set(callee, shift + moveOf(edge));
      if (callee === process && !shifts.has(caller)) shifts.set(caller, shift - moveOf(edge));
    }
  }
  return shifts;
}

function moveOf({ least, most, isOff }: Edge): bigint {
  if (!isOff) return 0n;
  // No answer may come before its question, whatever else does not fit.
  return most === undefined || most < least ? least : (least + most) / 2n;
}

/** The server that the browser asks: of those that are asked by somebody whom nobody asks the busiest. */
function firstServer(edges: readonly Edge[], spans: readonly SpanRecord[]): string {
  const callees = new Set(edges.map(({ callee }) => callee));
  const entries = edges.filter(({ caller }) => !callees.has(caller)).map(({ callee }) => callee);
  const counts = new Map([...(entries.length > 0 ? entries : callees)].sort().map((process) => [process, 0]));
  for (const span of spans) {
    const count = counts.get(processOf(span));
    if (count !== undefined) counts.set(processOf(span), count + 1);
  }
  const [most] = [...counts].sort(([, one], [, other]) => other - one);
  return most?.[0] ?? "";
}

function processOf({ resource }: SpanRecord): string {
  return ["service.name", "service.instance.id", "host.name", "process.pid"]
    .map((name) => String(resource[name] ?? ""))
    .join(" ");
}

function shifted(span: SpanRecord, by: bigint): SpanRecord {
  return {
    ...span,
    startUnixNano: span.startUnixNano + by,
    endUnixNano: span.endUnixNano + by,
    events: span.events.map((event) => ({ ...event, timeUnixNano: event.timeUnixNano + by })),
  };
}
