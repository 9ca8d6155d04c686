import { guarded } from "../guarded.ts";
import { processState } from "../process-state.ts";
import { SEVERITY } from "./log-line.ts";
import { traceFields } from "./trace-fields.ts";

const METHODS = {
  debug: SEVERITY.debug,
  log: SEVERITY.info,
  info: SEVERITY.info,
  warn: SEVERITY.warn,
  error: SEVERITY.error,
} as const;

type Method = keyof typeof METHODS;
type Write = (...args: unknown[]) => void;

/**
 * Lets every line that `console` writes inside a trace end with `trace_id=… span_id=…`, and sends it to the collector
 * where logs are exported. Gives back its undoing; a second call changes nothing and gives back the same.
 */
export function traceConsole(): () => void {
  const state = processState();
  if (state.untraceConsole) return state.untraceConsole;
  const undo = (Object.keys(METHODS) as Method[]).map(traceMethod);
  const untrace = (): void => {
    for (const step of undo) step();
    if (state.untraceConsole === untrace) state.untraceConsole = undefined;
  };
  state.untraceConsole = untrace;
  return untrace;
}

function traceMethod(method: Method): () => void {
  const host = console as Record<Method, Write>;
  const original = host[method];
  let on = true;
  const traced: Write = function (this: unknown, ...args) {
    if (!on) return Reflect.apply(original, this, args);
    const ids = traceFields();
    exportLine(method, args);
    if (!("trace_id" in ids)) return Reflect.apply(original, this, args);
    return Reflect.apply(original, this, withIds(args, `trace_id=${ids.trace_id} span_id=${ids.span_id}`));
  };
  host[method] = traced;
  return () => {
    on = false;
    // Whoever patched after us still calls ours, which from now on only hands on.
    if (host[method] === traced) host[method] = original;
  };
}

/** Behind what is there; a first text with a `%` is a format, or would become one, and takes them at its own end. */
function withIds(args: readonly unknown[], ids: string): readonly unknown[] {
  const [first, ...rest] = args;
  return typeof first === "string" && first.includes("%") ? [`${first} ${ids}`, ...rest] : [...args, ids];
}

const exportLine = guarded((method: Method, args: readonly unknown[]): void => {
  const { exportLog } = processState();
  const [first] = args;
  // Our own lines tell of an export that failed; exporting them would fail again.
  if (!exportLog || (typeof first === "string" && first.startsWith("@throughline/server:"))) return;
  exportLog({
    severity: [METHODS[method], method],
    body: args,
    attributes: {},
    error: args.find((arg) => arg instanceof Error),
  });
}, "a line of the console was not exported");
