// One variant of bench-outbound.mjs: asks the server as often as it is told to and says what CPU time that took.
import http from "node:http";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import { context, propagation, ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";

const [, , origin, way, variant, share] = process.argv;

const provider = new BasicTracerProvider({
  sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(1) }),
  // Spans are thrown away: what is measured is making them.
  spanProcessors: [
    new BatchSpanProcessor({ export: (_, done) => done({ code: 0 }), shutdown: async () => undefined }),
  ],
});
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(provider);
const tracer = provider.getTracer("bench");

if (variant === "upstream") {
  const instrumentations = [
    new HttpInstrumentation({ disableIncomingRequestInstrumentation: true }),
    new UndiciInstrumentation(),
  ];
  for (const each of instrumentations) each.setTracerProvider(provider);
  createRequire(import.meta.url)("node:http");
}
if (variant === "ours") {
  const { traceOutbound } = await import(process.env.OURS);
  traceOutbound(tracer, {
    ignoreUrls: [],
    propagateTo: undefined,
    propagators: ["tracecontext", "baggage"],
    followsParent: true,
  });
}

const agent = new http.Agent({ keepAlive: true });
const WAYS = {
  fetch: async () => (await fetch(`${origin}/stock?sku=brass-ruler`)).text(),
  "http.request": () =>
    new Promise((resolve, reject) => {
      http
        .get(`${origin}/stock?sku=brass-ruler`, { agent }, (response) => text(response).then(resolve, reject))
        .on("error", reject);
    }),
};

const unsampled = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.NONE,
});

async function ask(count) {
  for (let index = 0; index < count; index++) {
    if (share === "unsampled") await context.with(unsampled, WAYS[way]);
    else await tracer.startActiveSpan("caller", (span) => WAYS[way]().finally(() => span.end()));
  }
}

process.on("message", async (count) => {
  globalThis.gc?.();
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: 8 }, () => ask(count / 8)));
  const { user, system } = process.cpuUsage(before);
  process.send((user + system) / count);
});
process.send("ready");
