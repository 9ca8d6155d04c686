import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { context, propagation, type Span, type Tracer, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import type { CallRules, Surroundings } from "../src/outbound/calls.ts";
import { traceOutbound } from "../src/outbound/outbound.ts";

export interface TracedCalls {
  readonly tracer: Tracer;
  readonly provider: BasicTracerProvider;
  /** Every span that has ended, in that order. */
  spans(): readonly ReadableSpan[];
  /** Resolves when so many spans have ended. */
  ended(count: number): Promise<readonly ReadableSpan[]>;
  activeSpanId(): string | undefined;
  inSpan<T>(run: (span: Span) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

const RULES: CallRules = {
  ignoreUrls: [],
  propagateTo: undefined,
  propagators: ["tracecontext", "baggage"],
  followsParent: true,
};

/** A tracer whose spans stay in memory, and our instruments on `fetch`, undici and node:http. */
export function traceCalls(
  rules: Partial<CallRules> = {},
  sampler: Sampler = everything(),
  surroundings: Surroundings = {},
): TracedCalls {
  const memory = inMemory(sampler);
  const stop = traceOutbound(memory.tracer, { ...RULES, ...rules }, surroundings);
  return {
    ...memory,
    async stop() {
      stop();
      await memory.stop();
    },
  };
}

/** The same without the instruments. */
export function inMemory(sampler: Sampler = everything()): TracedCalls {
  const exporter = new InMemorySpanExporter();
  const waiting = new Set<() => void>();
  const provider = new BasicTracerProvider({
    sampler,
    spanProcessors: [
      new SimpleSpanProcessor({
        export: (spans, done) => {
          exporter.export(spans, done);
          for (const look of waiting) look();
        },
        shutdown: () => exporter.shutdown(),
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  trace.setGlobalTracerProvider(provider);
  const tracer = provider.getTracer("test");
  return {
    tracer,
    provider,
    spans: () => exporter.getFinishedSpans(),
    ended: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (exporter.getFinishedSpans().length < count) return;
          waiting.delete(look);
          resolve(exporter.getFinishedSpans());
        };
        waiting.add(look);
        look();
      }),
    activeSpanId: () => trace.getActiveSpan()?.spanContext().spanId,
    inSpan: (run) =>
      tracer.startActiveSpan("caller", async (span) => {
        try {
          return await run(span);
        } finally {
          span.end();
        }
      }),
    async stop() {
      for (const api of [trace, context, propagation]) api.disable();
      await provider.shutdown();
    },
  };
}

export function everything(): Sampler {
  return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(1) });
}

export function nothing(): Sampler {
  return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0) });
}

export interface TestServer {
  readonly origin: string;
  readonly port: number;
  readonly server: Server;
  /** What has arrived, in that order. */
  readonly requests: readonly SeenRequest[];
  stop(): Promise<void>;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Names and values by turns, as they came. */
  readonly raw: readonly string[];
}

/** A real server on a free port of this machine. */
export async function serve(answer: RequestListener): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "", headers, rawHeaders } = request;
    requests.push({ method, url, headers, raw: rawHeaders });
    answer(request, response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    server,
    requests,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** How often a header came. */
export function timesSent(request: SeenRequest | undefined, name: string): number {
  return (request?.raw ?? []).filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}

export function traceparentOf(span: ReadableSpan | undefined): string {
  const { traceId, spanId, traceFlags } = span?.spanContext() ?? { traceId: "", spanId: "", traceFlags: 0 };
  return `00-${traceId}-${spanId}-0${traceFlags & 1}`;
}
