import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { sayRarely } from "../log.ts";
import type { Outcome, Sender } from "./delivery/sender.ts";

/** What OpenTelemetry's SDKs for logs and metrics hand their items to. */
export interface SignalExporter<T> {
  export(items: T, done: (result: ExportResult) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

export interface SignalExporterOptions<T> {
  readonly sender: Sender;
  readonly serialize: (items: T) => Uint8Array | undefined;
  /** The sentence about items that were lost; told at most once a minute. */
  readonly print: (items: T, reason: string) => string;
}

/** The SDKs wait for an answer before they send more, so that a retry must not take long. */
const RETRY_AFTER_MS = [500, 2000];

/** Sends logs or metrics as spans are sent, over the same connections and settings, with two retries each. */
export function createSignalExporter<T>(options: SignalExporterOptions<T>): SignalExporter<T> {
  const say = sayRarely(60_000);
  const underway = new Set<Promise<void>>();

  const deliver = async (items: T): Promise<ExportResult> => {
    const reason = await reasonOfLoss(options, items);
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
    async forceFlush(): Promise<void> {
      await Promise.allSettled(underway);
    },
    async shutdown(): Promise<void> {
      await Promise.allSettled(underway);
      options.sender.close();
    },
  };
}

async function reasonOfLoss<T>(options: SignalExporterOptions<T>, items: T): Promise<string | undefined> {
  try {
    const body = options.serialize(items) ?? new Uint8Array();
    let outcome = await options.sender.send(body);
    for (const delayMs of RETRY_AFTER_MS) {
      if (outcome.kind !== "later") break;
      await wait(delayMs);
      outcome = await options.sender.send(body);
    }
    return printLoss(outcome);
  } catch (error) {
    return String(error);
  }
}

function printLoss(outcome: Outcome): string | undefined {
  if (outcome.kind !== "taken") return outcome.reason;
  if (outcome.rejected === 0 && outcome.message === "") return undefined;
  return `${outcome.rejected} were rejected, ${outcome.message || "no reason given"}`;
}

/** Keeps no process alive that has nothing else to do. */
function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
