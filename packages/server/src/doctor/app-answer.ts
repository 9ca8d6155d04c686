import { scrub } from "@throughline/core";
import { appFolder } from "../app-folder.ts";
import { apiCopies } from "../coexistence/api-copies.ts";
import type { Side } from "../coexistence/side.ts";
import { errorText } from "../error-text.ts";
import { atMost } from "../pipeline/at-most.ts";
import { createSender } from "../pipeline/delivery/create-sender.ts";
import type { Outcome, Sender } from "../pipeline/delivery/sender.ts";
import { createJsonEncoder } from "../pipeline/otlp/encode-json.ts";
import { createProtobufEncoder } from "../pipeline/otlp/encode-protobuf.ts";
import type { SpanCounts } from "../pipeline/sending.ts";
import { printUrl, tracesTarget } from "../pipeline/signal-target.ts";
import { flushProcess, processState } from "../process-state.ts";
import { serviceNameOf } from "../resource/resource.ts";
import {
  builtPropagateTo,
  readServerConfig,
  reasonOff,
  type ServerConfig,
  sampleRatioOf,
  webRatio,
} from "../settings.ts";
import { VERSION } from "../version.ts";

/** What a running app says of its tracing when `throughline doctor` asks it; no header and no key is in it. */
export interface AppAnswer {
  readonly version: string;
  readonly node: string;
  /** Why nothing is traced; `undefined` where tracing is on. */
  readonly off?: Off | undefined;
  /** Whether `register` has run in this process. */
  readonly isRegistered: boolean;
  /** Beside another tracer: `join` leaves to it who is kept. */
  readonly way?: Side["way"] | undefined;
  readonly settings?: AnsweredSettings | undefined;
  /** A sentence for each bad value that tracing goes on with. */
  readonly badValues?: readonly string[];
  /** The `traceparent` that this request had when it arrived. */
  readonly received: string | null;
  /** A sentence for each copy of the api whose spans are lost. */
  readonly apiCopies: readonly string[];
  /** What pages have sent so far: requests in a trace that is kept, and posts of spans. */
  readonly pages: { readonly requests: number; readonly posts: number };
  /** What became of the process's spans so far. */
  readonly counts?: SpanCounts | undefined;
  /** Other origins that the app's pages send `traceparent` to. */
  readonly propagateTo: readonly string[];
  /** What the process has warned of lately. */
  readonly warnings: readonly string[];
  /** How the collector takes an empty request, from the server and for the browser. */
  readonly exports: readonly Delivery[];
}

export interface Off {
  /** Nobody turned it on · a setting is wrong · `register` failed. */
  readonly by: "disabled" | "bad-setting" | "start-failed";
  readonly reason: string;
}

export interface AnsweredSettings {
  readonly service: string;
  readonly exporters: readonly string[];
  readonly sampler: string;
  /** Share of the traces that begin at the server and are kept, and why it is this. */
  readonly share: number;
  readonly why: string;
  readonly propagators: readonly string[];
}

export interface Delivery {
  readonly of: "server" | "browser";
  readonly url: string;
  readonly protocol: string;
  readonly ms: number;
  readonly outcome: Outcome;
}

/** A collector that takes longer for nothing is slow: by itself a batch may wait for OTEL_EXPORTER_OTLP_TIMEOUT. */
const MOST_EXPORT_MS = 5_000;

/**
 * Looks at this process; with `withExports` at its files too, and the collector is asked, by the code that sends the spans.
 */
export async function answerDoctor(request: Request, withExports: boolean): Promise<AppAnswer> {
  const problems: string[] = [];
  const config = readServerConfig({}, (text) => problems.push(text));
  const state = processState();
  const settings = config && (state.started?.config ?? config);
  // With a flush, because what waits is neither sent nor lost.
  const [exports] =
    settings && withExports
      ? await Promise.all([tryExports(settings), atMost(MOST_EXPORT_MS, flushProcess(true))])
      : [[]];
  return {
    version: VERSION,
    node: process.versions.node,
    off: config ? await readFailure(state.tracing) : offOf(problems),
    isRegistered: state.tracing !== undefined,
    way: state.started?.way,
    settings: settings && settingsOf(settings),
    badValues: config ? problems : [],
    received: request.headers.get("traceparent"),
    apiCopies: withExports ? apiCopies(appFolder()) : [],
    pages: { ...state.pages },
    counts: state.spanCounts?.(),
    propagateTo: builtPropagateTo(),
    warnings: state.warnings.map(scrub),
    exports,
  };
}

function offOf([problem]: readonly string[]): Off {
  return problem === undefined
    ? { by: "disabled", reason: reasonOff() }
    : { by: "bad-setting", reason: problem };
}

/** As where another tracer was there first. */
function readFailure(starting: Promise<unknown> | undefined): Promise<Off | undefined> | undefined {
  return starting?.then(
    () => undefined,
    (error: unknown) => ({ by: "start-failed", reason: scrub(errorText(error)) }),
  );
}

function settingsOf(config: ServerConfig): AnsweredSettings {
  return {
    service: serviceNameOf(config),
    exporters: config.tracesExporters,
    sampler: config.sampler || "parentbased_traceidratio",
    share: webRatio(config),
    why: sampleRatioOf(config).why,
    propagators: config.propagators,
  };
}

async function tryExports(given: ServerConfig): Promise<readonly Delivery[]> {
  if (!given.tracesExporters.includes("otlp")) return [];
  const config = { ...given, exportTimeoutMs: Math.min(given.exportTimeoutMs, MOST_EXPORT_MS) };
  const target = tracesTarget(config);
  const encoder = target.protocol === "http/json" ? createJsonEncoder() : createProtobufEncoder();
  // A request without spans is answered as any other: https://opentelemetry.io/docs/specs/otlp/#full-success-1
  const empty = encoder.request([], 0);
  const own = await tryExport(target, () => createSender("traces", target, config), empty);
  // What the browser posts goes on to the same address in the same form (`toParcel`).
  return [
    { of: "server", ...own },
    { of: "browser", ...own },
  ];
}

async function tryExport(
  { url, protocol }: Pick<Delivery, "url" | "protocol">,
  open: () => Sender,
  body: Uint8Array,
): Promise<Omit<Delivery, "of">> {
  const startMs = performance.now();
  const outcome = await sendOnce(open, body);
  return {
    url: printUrl(url),
    protocol,
    ms: Math.round(performance.now() - startMs),
    outcome: scrubbed(outcome),
  };
}

/** A collector may say the key again that it does not know. */
function scrubbed(outcome: Outcome): Outcome {
  return outcome.kind === "taken" ? outcome : { ...outcome, reason: scrub(outcome.reason) };
}

async function sendOnce(open: () => Sender, body: Uint8Array): Promise<Outcome> {
  try {
    const sender = open();
    try {
      return await sender.send(body);
    } finally {
      sender.close();
    }
  } catch (error) {
    // A certificate that cannot be read: its message says what to do.
    return { kind: "refused", reason: errorText(error), cure: "Correct what is named there" };
  }
}
