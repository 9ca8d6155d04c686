import { createHash, timingSafeEqual } from "node:crypto";
import { FLUSH_TOKEN_HEADER } from "@throughline/core/attributes";
import { errorText } from "./error-text.ts";
import { hostWaitUntil } from "./host-wait.ts";
import { createForwarder, type Forwarder } from "./ingest/forward.ts";
import type { Signal } from "./ingest/forward-url.ts";
import { Refusal, readTelemetry } from "./ingest/read-telemetry.ts";
import { toParcel } from "./ingest/to-parcel.ts";
import { warnOnce } from "./log.ts";
import { createForwardSender } from "./pipeline/delivery/create-sender.ts";
import { processTroubles } from "./pipeline/troubles.ts";
import { flushProcess, processState } from "./process-state.ts";
import { doorSettings, readServerConfig, type ServerConfig } from "./settings.ts";

/**
 * The browser's export route: `export { POST } from "@throughline/server/ingest"` in `app/api/tl/[...signal]/route.ts`.
 * Checks a post, answers 202 and forwards it to the collector in the background.
 */
export async function POST(request: Request, _context?: unknown): Promise<Response> {
  const { pathname } = new URL(request.url);
  const asked = /\/doctor(\/received)?\/?$/.exec(pathname);
  if (asked) return tellDoctor(request, asked[1] === undefined);
  const config = readServerConfig({}, warnOnce);
  if (!config) return refuse(404, "tracing is off in this process; set OTEL_ENABLED=true and restart");
  const match = /\/(?:v1\/(traces|metrics|logs)|(flush))\/?$/.exec(pathname);
  if (match?.[2]) return flush(request, config);
  const signal = match?.[1] as Signal | undefined;
  if (!signal) return refuse(404, "nothing here; post to v1/traces, v1/metrics or v1/logs");
  if (signal !== "traces" && config.signalsOff.includes(signal))
    return refuse(404, `no ${signal} are sent: a setting of theirs is bad, and the app's log names it`);
  try {
    const telemetry = await readTelemetry(request, config.ingestMaxBytes);
    // The doctor's own span has the header, which no page sends.
    if (signal === "traces" && !request.headers.has(FLUSH_TOKEN_HEADER)) processState().pages.posts++;
    if (signal === "traces" && !config.tracesExporters.includes("otlp")) return taken();
    const parcel = toParcel(telemetry, signal, config);
    // Protobuf of nothing has no bytes.
    if (parcel.body.byteLength === 0) return taken();
    const { done } = forwarderFor(config).send(parcel);
    // On hosts that freeze a process after its response.
    hostWaitUntil()?.(done);
    return taken();
  } catch (error) {
    if (error instanceof Refusal) return refuse(error.status, error.message);
    return refuse(400, "the body could not be read");
  }
}

function forwarderFor(config: ServerConfig): Forwarder {
  const state = processState();
  if (state.forwarder) return state.forwarder;
  const forwarder = createForwarder({
    open: (parcel) => createForwardSender(parcel, config),
    trouble: processTroubles().open(),
  });
  state.forwarder = forwarder;
  state.flushers.add(forwarder.flush);
  return forwarder;
}

async function flush(request: Request, config: ServerConfig): Promise<Response> {
  if (config.flushToken === "")
    return refuse(404, "there is no flush; set THROUGHLINE_FLUSH_TOKEN in a test run");
  if (!holdsToken(request, config.flushToken)) return wrongToken();
  await flushProcess();
  return new Response(null, { status: 204 });
}

/** What `throughline doctor` asks: with the token, or, where there is none, in development with any text, which no page of others can send. */
async function tellDoctor(request: Request, withExports: boolean): Promise<Response> {
  const { token, isOpen } = doorSettings();
  if (token === "" && !isOpen)
    return refuse(403, "outside of development the doctor is told nothing without THROUGHLINE_FLUSH_TOKEN");
  if (token === "" ? !request.headers.has(FLUSH_TOKEN_HEADER) : !holdsToken(request, token))
    return wrongToken();
  try {
    const { answerDoctor } = await import("./doctor/app-answer.ts");
    return Response.json(await answerDoctor(request, withExports));
  } catch (error) {
    return refuse(500, `the doctor cannot be answered: ${errorText(error)}`);
  }
}

function holdsToken(request: Request, token: string): boolean {
  return timingSafeEqual(digest(request.headers.get(FLUSH_TOKEN_HEADER) ?? ""), digest(token));
}

function wrongToken(): Response {
  return refuse(403, `${FLUSH_TOKEN_HEADER} is not the value of THROUGHLINE_FLUSH_TOKEN`);
}

// Equal lengths, which timingSafeEqual asks for, without telling the length of the token.
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function taken(): Response {
  return Response.json({}, { status: 202 });
}

function refuse(status: number, reason: string): Response {
  return Response.json({ message: `@throughline/server: ${reason}` }, { status });
}
