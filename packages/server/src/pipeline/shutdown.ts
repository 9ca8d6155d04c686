import { atMost } from "./at-most.ts";

/** How long a process that wants to end waits for its last spans; with the end itself it stays below 1.2 s. */
const CAP_MS = 1000;

/** By which a process is ended and may yet do something: a supervisor, Ctrl+C, a terminal that closes. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

export interface ShutdownOptions {
  readonly flush: () => Promise<void>;
  /** Whether a flush may have something to send; else `process.exit` ends the process at once. */
  readonly hasWork: () => boolean;
  /** Spans that have ended so far. */
  readonly ended: () => number;
  /** Whether the process ends by `process.exit` on a signal, which flushes anyway. */
  readonly isSignalHeard: (signal: NodeJS.Signals) => boolean;
}

/** Flushes before the process ends, however it ends, and keeps its exit code or signal. Returns the undoing. */
export function flushBeforeExit(options: ShutdownOptions): () => void {
  const unheard = SIGNALS.filter((signal) => !options.isSignalHeard(signal));
  const undo = [
    holdExit(options),
    onDrained(options),
    ...unheard.map((signal) => onSignal(signal, options.flush)),
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

function onDrained({ flush, ended }: ShutdownOptions): () => void {
  let flushed: number | undefined;
  // Told again whenever what others did at the end is done; a flush that found nothing new would go on for ever.
  const listener = (): void => {
    if (flushed === ended()) return;
    flushed = ended();
    void capped(flush);
  };
  process.on("beforeExit", listener);
  return () => process.removeListener("beforeExit", listener);
}

function onSignal(signal: NodeJS.Signals, flush: () => Promise<void>): () => void {
  const listener = (): void => {
    const alone = process.listenerCount(signal) === 0;
    void capped(flush).finally(() => {
      // A listener of ours alone would have swallowed the signal's default, death.
      if (alone) process.kill(process.pid, signal);
    });
  };
  // Before the app's, which may be once-listeners too: after their turn they are no longer counted.
  process.prependOnceListener(signal, listener);
  return () => process.removeListener(signal, listener);
}

function capped(flush: () => Promise<void>): Promise<void> {
  return atMost(
    CAP_MS,
    flush().catch(() => undefined),
  );
}
