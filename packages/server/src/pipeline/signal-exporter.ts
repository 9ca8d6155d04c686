import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { sayRarely } from "../log.ts";
import { MAX_RETRY_AFTER_MS, type Outcome, type Sender } from "./delivery/sender.ts";

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
  /** The sentence about items that were lost; told at most once a minute. */
  readonly print: (items: T, reason: string) => string;
  /** No try begins later than this; the SDK hands over no others meanwhile. */
  readonly patienceMs: number;
}

/** Where the collector does not ask for more. */
const RETRY_AFTER_MS = [500, 2000];

/** Sends logs or metrics as spans are sent, over the same connections and settings, with two retries each. */
export function createSignalExporter<T>(options: SignalExporterOptions<T>): SignalExporter<T> {
  const say = sayRarely(60_000);
  const underway = new Set<Promise<void>>();
  const waits = createWaits();

  const deliver = async (items: T): Promise<ExportResult> => {
    const reason = await reasonOfLoss(options, items, waits);
    if (reason === undefined) return { code: ExportResultCode.SUCCESS };
    say(options.print(items, reason));
    return { code: ExportResultCode.FAILED, error: new Error(reason) };
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

async function reasonOfLoss<T>(
  { serialize, sender, patienceMs }: SignalExporterOptions<T>,
  items: T,
  waits: Waits,
): Promise<string | undefined> {
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
      if (outcome.kind !== "later") return printLoss(outcome);
      reason = outcome.reason;
    }
    return reason;
  } catch (error) {
    return String(error);
  }
}

function printLoss(outcome: Outcome): string | undefined {
  if (outcome.kind !== "taken") return outcome.reason;
  if (outcome.rejected === 0 && outcome.message === "") return undefined;
  return `${outcome.rejected} were rejected, ${outcome.message || "no reason given"}`;
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
