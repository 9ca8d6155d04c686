import { constants } from "node:os";
import { warnOnce } from "../log.ts";
import { atMost } from "./at-most.ts";
import type { SpanCounts } from "./sending.ts";

/** How long a process that wants to end waits for its last spans; with the end itself it stays below 1.2 s. */
const CAP_MS = 1000;

/** By which a process is ended and may yet do something: a supervisor, Ctrl+C, a terminal that closes. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

export interface ShutdownOptions {
  readonly flush: () => Promise<void>;
  /** Whether a flush may have something to send; else `process.exit` ends the process at once. */
  readonly hasWork: () => boolean;
  /** Spans that have ended so far, and those of them that still wait. */
  readonly counts: () => Pick<SpanCounts, "created" | "waiting">;
  /** Where the collector is, as messages print it. */
  readonly where: string;
  /** Whether the process ends by `process.exit` on a signal, which flushes anyway. */
  readonly isSignalHeard: (signal: NodeJS.Signals) => boolean;
}

/** Flushes before the process ends, however it ends, and keeps its exit code or signal. Returns the undoing. */
export function flushBeforeExit(options: ShutdownOptions): () => void {
  const { kill } = process;
  const own: OwnListeners = new Map();
  const unheard = SIGNALS.filter((signal) => !options.isSignalHeard(signal));
  const { flush, counts, where } = options;
  const tellLost = (): void => sayLost(counts().waiting, where);
  const undo = [
    onExit(tellLost),
    holdExit(options),
    holdKill(options, own, tellLost),
    onDrained(options),
    ...unheard.map((signal) =>
      onSignal(signal, {
        own,
        flush,
        // No `exit` is told of an end by a signal.
        die: () => {
          tellLost();
          kill.call(process, process.pid, signal);
        },
      }),
    ),
  ];
  return () => {
    for (const step of undo) step();
  };
}

// `next start` calls process.exit 1 ms after SIGTERM; a flush in a signal handler of ours would be cut off.
function holdExit({ flush, hasWork }: ShutdownOptions): () => void {
  const original = process.exit;
  let isHeld = false;
  let isEnding = false;
  const onExit = (): void => {
    isEnding = true;
  };
  const held = (...args: Parameters<typeof process.exit>): never => {
    if (isEnding || !(isHeld || hasWork())) return original.apply(process, args);
    if (!isHeld) {
      // As Node does it: exit() keeps process.exitCode, exit(undefined) clears it.
      if (args.length > 0) process.exitCode = args[0] ?? undefined;
      isHeld = true;
      const { exitCode } = process;
      // process.exit promises never to return, and cannot wait without: what runs on must not change how it ends.
      process.on("uncaughtException", () => undefined);
      void capped(flush).finally(() => original.call(process, exitCode));
    }
    return undefined as never;
  };
  process.once("exit", onExit);
  process.exit = held;
  return () => {
    process.removeListener("exit", onExit);
    if (process.exit === held) process.exit = original;
  };
}

/** Our listeners of signals that have not been told yet. */
type OwnListeners = Map<string, () => void>;

/** What drains on a signal (terminus, signal-exit) ends with the same signal, to itself, which nobody hears any more. */
function holdKill({ flush, hasWork }: ShutdownOptions, own: OwnListeners, tellLost: () => void): () => void {
  const original = process.kill;
  let isHeld = false;
  let isOn = true;
  const held: typeof process.kill = (pid, given = "SIGTERM") => {
    const signal = SIGNALS.find((name) => given === name || given === constants.signals[name]);
    const listener = signal && own.get(signal);
    const isHeard = signal === undefined || process.listenerCount(signal) > (listener ? 1 : 0);
    if (!isOn || isHeld || pid !== process.pid || isHeard || !hasWork())
      return original.call(process, pid, given);
    isHeld = true;
    if (listener) process.removeListener(signal, listener);
    void capped(flush).finally(() => {
      isHeld = false;
      tellLost();
      original.call(process, pid, given);
    });
    return true;
  };
  process.kill = held;
  return () => {
    isOn = false;
    if (process.kill === held) process.kill = original;
  };
}

function onExit(tellLost: () => void): () => void {
  process.on("exit", tellLost);
  return () => process.removeListener("exit", tellLost);
}

function sayLost(spans: number, where: string): void {
  if (spans === 0) return;
  const lost = spans === 1 ? "1 span is lost: the collector at" : `${spans} spans are lost: the collector at`;
  warnOnce(
    `the process ends, and ${lost} ${where} has not taken ${spans === 1 ? "it" : "them"}. Start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT.`,
    "lost at the end",
  );
}

function onDrained({ flush, counts }: ShutdownOptions): () => void {
  let flushed: number | undefined;
  // Told again whenever what others did at the end is done; a flush that found nothing new would go on for ever.
  const listener = (): void => {
    const { created } = counts();
    if (flushed === created) return;
    flushed = created;
    void capped(flush);
  };
  process.on("beforeExit", listener);
  return () => process.removeListener("beforeExit", listener);
}

interface SignalOptions {
  readonly own: OwnListeners;
  readonly flush: () => Promise<void>;
  readonly die: () => void;
}

function onSignal(signal: NodeJS.Signals, { own, flush, die }: SignalOptions): () => void {
  let isAnswered = false;
  // A once-listener that the app has put before ours has had its turn, and is no longer counted.
  const onRemoved = (name: string | symbol, removed: unknown): void => {
    if (name !== signal || removed === listener) return;
    isAnswered = true;
    queueMicrotask(() => {
      isAnswered = false;
    });
  };
  const leave = (): void => {
    own.delete(signal);
    process.removeListener("removeListener", onRemoved);
    process.removeListener(signal, listener);
  };
  const listener = (): void => {
    const alone = !isAnswered && process.listenerCount(signal) === 0;
    leave();
    // A listener of ours alone would have swallowed the signal's default, death.
    void capped(flush).finally(() => alone && die());
  };
  own.set(signal, listener);
  process.on("removeListener", onRemoved);
  // Before the app's, which may be once-listeners too: after their turn they are no longer counted.
  process.prependOnceListener(signal, listener);
  return leave;
}

function capped(flush: () => Promise<void>): Promise<void> {
  return atMost(
    CAP_MS,
    flush().catch(() => undefined),
  );
}
