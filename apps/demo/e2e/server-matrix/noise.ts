import { expect } from "@playwright/test";
import { listTraces, newTraceparent } from "../trace-reading.ts";
import type { Combination } from "./combinations.ts";
import { startOtlpRecorder } from "./otlp-recorder.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";

interface Asked {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly methods?: readonly string[];
}

/** What browsers and routers ask for by themselves, and what holds no code of the app. */
function askedOf({ basePath, proxy }: Combination): readonly Asked[] {
  const image = encodeURIComponent(`${basePath ? "/base" : ""}/square.png`);
  return [
    { path: "/favicon.ico" },
    { path: `/_next/image?url=${image}&w=64&q=75` },
    { path: "/static", headers: { rsc: "1", "next-router-prefetch": "1" } },
    { path: "/rsc/7", headers: { rsc: "1", "next-router-segment-prefetch": "/_tree" } },
    { path: "/ssr/7", headers: { "x-middleware-prefetch": "1" } },
    { path: "/healthz" },
    // A proxy that runs for it is traced. Nobody knows before the answer that it is a file, so it counts as active.
    ...(proxy ? [] : [{ path: "/square.png", methods: ["GET"] }]),
  ];
}

/** No other request here is a `HEAD`, so that one that counted would be a series of its own. */
const METHODS = ["GET", "HEAD"];

/** None of them leaves a span or a series of a metric, whatever its caller says. */
export async function checkNoise(
  { combination, serve }: BuiltApp,
  given: Readonly<Record<string, string>>,
): Promise<void> {
  const recorder = await startOtlpRecorder();
  const env = {
    ...given,
    OTEL_METRICS_ENABLED: "true",
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: recorder.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? "",
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/json",
  };
  try {
    await serve({ service: `server-app-${combination.name}-noise`, env }, async (app) => {
      const told = async () => {
        await flush(app, combination);
        const traces = await listTraces({ service: app.service });
        return { traces: traces.map(({ name }) => name), series: recorder.series() };
      };
      // It is answered when register() is over.
      await flush(app, combination);
      await (await fetch(urlOf("/api/plain", app, combination))).text();
      const before = await told();
      expect.soft(before.traces, "a request that is none of them").toEqual(["GET /api/plain"]);
      for (const asked of askedOf(combination)) await ask(asked, app, combination);
      expect.soft(await told(), "what is told of all of them").toEqual(before);
    });
  } finally {
    await recorder.stop();
  }
}

async function ask({ path, headers, methods = METHODS }: Asked, app: ServedApp, combination: Combination) {
  for (const method of methods) {
    for (const caller of [{}, { traceparent: newTraceparent().header }]) {
      const init = { method, headers: { ...headers, ...caller } };
      const response = await fetch(urlOf(path, app, combination), init);
      await response.arrayBuffer();
      expect.soft(response.headers.get("server-timing"), `${method} ${path}`).toBeNull();
    }
  }
}
