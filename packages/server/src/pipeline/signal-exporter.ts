import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { MAX_RETRY_AFTER_MS, type Outcome, type Sender } from "./delivery/sender.ts";
import type { Trouble } from "./troubles.ts";

/** What OpenTelemetry's SDKs for logs and metrics hand their items to. */
export interface SignalExporter<T> {
  export(items: T, done: (result: ExportResult) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
  /** While it runs nothing waits for as long as a collector may ask for: the SDKs hand over their items first. */
  hurry(run: () => Promise<unknown>): Promise<void>;
  /** Whether the collector's `Retry-After` is not over. */
  isAskedToWait(): boolean;
}

export interface SignalExporterOptions<T> {
  readonly sender: Sender;
  readonly serialize: (items: T) => Uint8Array | undefined;
  readonly trouble: Pick<Trouble, "warn">;
  readonly countOf: (items: T) => number;
  /** The sentence about items that were lost since the start. */
  readonly print: (lost: number, reason: string) => string;
  /** No try begins later than this; the SDK hands over no others meanwhile. */
  readonly patienceMs: number;
}

/** Where the collector does not ask for more. */
const RETRY_AFTER_MS = [500, 2000];

/** Sends logs or metrics as spans are sent, over the same connections and settings, with two retries each. */
export function createSignalExporter<T>(options: SignalExporterOptions<T>): SignalExporter<T> {
  const underway = new Set<Promise<void>>();
  const waits = createWaits();
  let lost = 0;

  const deliver = async (items: T): Promise<ExportResult> => {
    const loss = await lossOf(options, items, waits);
    if (loss === undefined) return { code: ExportResultCode.SUCCESS };
    lost += loss.count;
    options.trouble.warn(options.print(lost, loss.reason));
    return { code: ExportResultCode.FAILED, error: new Error(loss.reason) };
  };

  return {
    export(items, done): void {
      const sent = deliver(items)
        .then(done)
        .finally(() => underway.delete(sent));
      underway.add(sent);
    },
    forceFlush: () => waits.without(() => Promise.allSettled(underway)),
    async shutdown(): Promise<void> {
      await waits.without(() => Promise.allSettled(underway));
      options.sender.close();
    },
    hurry: waits.without,
    isAskedToWait: () => waits.askedMs() > 0,
  };
}

interface Loss {
  readonly count: number;
  readonly reason: string;
}

async function lossOf<T>(
  { serialize, sender, patienceMs, countOf }: SignalExporterOptions<T>,
  items: T,
  waits: Waits,
): Promise<Loss | undefined> {
  const count = countOf(items);
  const deadlineMs = performance.now() + patienceMs;
  let reason = "it asked to wait for longer than these can be kept";
  try {
    const body = serialize(items) ?? new Uint8Array();
    for (const delayMs of [0, ...RETRY_AFTER_MS]) {
      const waitMs = Math.max(delayMs, waits.askedMs());
      if (performance.now() + waitMs >= deadlineMs) break;
      if (waitMs > 0) await waits.wait(waitMs);
      const outcome = await sender.send(body);
      waits.ask(outcome.kind === "later" ? outcome.afterMs : undefined);
      if (outcome.kind !== "later") return lossBy(outcome, count);
      reason = outcome.reason;
    }
    return { count, reason };
  } catch (error) {
    return { count, reason: String(error) };
  }
}

function lossBy(outcome: Outcome, count: number): Loss | undefined {
  if (outcome.kind !== "taken") return { count, reason: outcome.reason };
  const { rejected, message } = outcome;
  // With a message it is a warning: https://opentelemetry.io/docs/specs/otlp/#partial-success
  if (rejected === 0) return undefined;
  // Metrics are counted by exports, and a collector rejects points.
  return {
    count: Math.min(rejected, count),
    reason: `${rejected} were rejected, ${message || "no reason given"}`,
  };
}

type Waits = ReturnType<typeof createWaits>;

/** Waits that a flush cuts short; they keep no process alive that has nothing else to do. */
function createWaits() {
  const ends = new Set<() => void>();
  let askedUntil = 0;
  let flushes = 0;
  return {
    /** How long the collector asked to be left in peace from now on; a flush does not ask. */
    askedMs: (): number => (flushes > 0 ? 0 : Math.max(0, askedUntil - performance.now())),
    ask(ms = 0): void {
      askedUntil = performance.now() + Math.min(ms, MAX_RETRY_AFTER_MS);
    },
    wait: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          ends.delete(end);
          resolve();
        };
        const timer = setTimeout(end, ms).unref();
        ends.add(end);
      }),
    async without(run: () => Promise<unknown>): Promise<void> {
      flushes += 1;
      for (const end of ends) end();
      await run().finally(() => {
        flushes -= 1;
      });
    },
  };
}
