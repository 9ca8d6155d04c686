// One process traced by us and by another product: `node beside-another.mjs PRODUCT ORDER [MODE]`. It serves one
// request, which makes a span by each way, and prints what the other product got of it.
import { once } from "node:events";
import { createServer } from "node:http";

const [product, order, mode] = process.argv.slice(2);
const theirs = [];

const products = {
  "@vercel/otel": async () => {
    // biome-ignore lint/correctness/noUndeclaredDependencies: apps/demo brings it for the tests
    const { registerOTel } = await import("@vercel/otel");
    const keep = {
      onStart: () => undefined,
      onEnd: (span) => theirs.push(span.name),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    };
    // In place of "auto", which sends to OTEL_EXPORTER_OTLP_ENDPOINT by itself.
    registerOTel({ serviceName: "theirs", spanProcessors: [keep] });
    return async () => {
      const { trace } = await import("@opentelemetry/api");
      await trace.getTracerProvider().getDelegate?.().forceFlush?.();
    };
  },
  "@sentry/node": () => sentry(true),
  "@sentry/node as it comes": () => sentry(false),
};

async function sentry(enableOpenTelemetrySetup) {
  // biome-ignore lint/correctness/noUndeclaredDependencies: apps/demo brings it for the tests
  const Sentry = await import("@sentry/node");
  Sentry.init({
    dsn: "http://key@127.0.0.1:1/1",
    tracesSampleRate: 1,
    enableOpenTelemetrySetup,
    transport: () => ({
      flush: () => Promise.resolve(true),
      send([, items]) {
        for (const [header, payload] of items)
          if (header.type === "span") theirs.push(...payload.items.map(({ name }) => name));
        return Promise.resolve({});
      },
    }),
  });
  return () => Sentry.flush(2000);
}

async function ours() {
  const { startTracing } = await import("@throughline/server/node");
  return startTracing({ serviceName: "ours", ...(mode && { mode }) });
}

let flushTheirs;
let tracing;
if (order === "theirs-first") {
  flushTheirs = await products[product]();
  tracing = await ours();
} else {
  tracing = await ours();
  flushTheirs = await products[product]();
}

const { withSpan } = await import("@throughline/server/node");
const { trace } = await import("@opentelemetry/api");
const server = createServer((_request, response) => {
  withSpan("ours", () =>
    trace.getTracer("app").startActiveSpan("theirs", (span) => {
      span.end();
      response.end();
    }),
  );
});
await once(server.listen(0, "127.0.0.1"), "listening");
await (await fetch(`http://127.0.0.1:${server.address().port}/shop`)).text();
server.close();
await tracing.flush();
await flushTheirs();
process.stdout.write(`THEIRS ${JSON.stringify(theirs.sort())}\n`);
process.exit();
