import { hostname } from "node:os";
import { expect } from "@playwright/test";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import { startGrpcRecorder } from "./grpc-recorder.ts";
import { startOtlpRecorder } from "./otlp-recorder.ts";
import { urlOf } from "./run-cases.ts";
import type { BuiltApp } from "./server-app.ts";

/** What a host says of itself, by way of the environment. */
const PLATFORM = {
  KUBERNETES_SERVICE_HOST: "10.0.0.1",
  POD_NAME: "shop-7d4b9",
  POD_NAMESPACE: "shops",
  NODE_NAME: "node-3",
  VERCEL: "1",
  VERCEL_REGION: "fra1",
  VERCEL_GIT_COMMIT_SHA: "4233c01",
};

const METRICS = [
  "http.server.request.duration",
  "http.server.active_requests",
  "system.cpu.time",
  "system.memory.usage",
  "process.cpu.time",
  "process.memory.usage",
  "nodejs.eventloop.utilization",
  "nodejs.eventloop.delay.p99",
  "v8js.memory.heap.used",
  "v8js.gc.duration",
  "throughline.spans.dropped",
];

/** Spans by gRPC, packed and with a key, say where their process runs; the metrics go by HTTP beside them. */
export async function checkPipeline(
  { combination, serve }: BuiltApp,
  given: Readonly<Record<string, string>>,
): Promise<void> {
  const traces = await startGrpcRecorder();
  const metrics = await startOtlpRecorder();
  const env = {
    ...given,
    ...PLATFORM,
    OTEL_EXPORTER_OTLP_ENDPOINT: traces.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Bearer%20s3cret,x-tenant=shop",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    OTEL_METRICS_ENABLED: "true",
    OTEL_METRIC_EXPORT_INTERVAL: "500",
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${metrics.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/metrics`,
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/json",
  };
  try {
    await serve({ service: `server-app-${combination.name}-pipeline`, env }, async (app) => {
      const caller = newTraceparent();
      const url = urlOf("/api/plain", app, combination);
      await (await fetch(url, { headers: { traceparent: caller.header } })).text();
      const spansOf = async () => (await readTrace(caller.traceId))?.spans ?? [];
      await expect.poll(async () => (await spansOf()).map(({ kind }) => kind)).toContain("server");
      for (const { resource } of await spansOf())
        expect.soft(resource, combination.name).toMatchObject(resourceOf(app));
      expect.soft(traces.calls.length).toBeGreaterThan(0);
      for (const { headers, isPacked } of traces.calls) {
        expect.soft(isPacked).toBe(true);
        expect.soft(headers).toMatchObject({
          ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
          "content-type": "application/grpc",
          "grpc-encoding": "gzip",
          authorization: "Bearer s3cret",
          "x-tenant": "shop",
        });
      }
      await expect
        .poll(async () => {
          // One that comes while `register` runs has begun before anybody could see it.
          await fetch(url);
          return [...metrics.metricNames];
        }, `metrics of ${combination.name}`)
        .toEqual(expect.arrayContaining(METRICS));
    });
  } finally {
    await traces.stop();
    await metrics.stop();
  }
}

function resourceOf({ service, pid }: { readonly service: string; readonly pid: number }) {
  return {
    "service.name": service,
    "process.pid": pid,
    "process.runtime.name": "nodejs",
    "process.runtime.version": process.versions.node,
    "host.name": hostname(),
    "os.type": process.platform,
    "k8s.pod.name": PLATFORM.POD_NAME,
    "k8s.namespace.name": PLATFORM.POD_NAMESPACE,
    "k8s.node.name": PLATFORM.NODE_NAME,
    "cloud.provider": "vercel",
    "cloud.region": PLATFORM.VERCEL_REGION,
    "vcs.ref.head.revision": PLATFORM.VERCEL_GIT_COMMIT_SHA,
  };
}
