import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";

/** What a test needs of a span as OTLP/JSON has it. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding */
export interface SentSpan {
  readonly traceId: string;
  readonly name: string;
  readonly kind: number;
  /** Who sent it. */
  readonly service: string;
  readonly status?: { readonly code?: number };
}

export interface OtlpRecorder {
  /** Environment of a process that sends everything here. */
  readonly env: Readonly<Record<string, string>>;
  /** Every post as it came. */
  readonly texts: readonly string[];
  readonly spans: readonly SentSpan[];
  /** Of every metric that has arrived. */
  readonly metricNames: ReadonlySet<string>;
  /** How many requests the metrics have counted so far, by `GET /items/[id] 200`. */
  requests(): Readonly<Record<string, number>>;
  /** Every series of every metric but those of the machine and the process, as `name {"attribute":"value"}`. */
  series(): readonly string[];
  stop(): Promise<void>;
}

export const SERVER_KIND = 2;
export const ERROR_STATUS = 2;

interface Traces {
  readonly resourceSpans?: readonly {
    readonly resource: {
      readonly attributes: readonly {
        readonly key: string;
        readonly value: { readonly stringValue?: string };
      }[];
    };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<SentSpan, "service">[] }[];
  }[];
}

interface Metrics {
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string;
        readonly histogram?: Points;
        readonly sum?: Points;
        readonly gauge?: Points;
      }[];
    }[];
  }[];
}

interface Points {
  readonly dataPoints: readonly {
    readonly count: number;
    readonly attributes: readonly {
      readonly key: string;
      readonly value: { readonly stringValue?: string; readonly intValue?: number };
    }[];
  }[];
}

/** A collector for a flood: it keeps no trace but what was posted, and the tests beside lose nothing of theirs to it. */
export async function startOtlpRecorder(): Promise<OtlpRecorder> {
  const texts: string[] = [];
  const spans: SentSpan[] = [];
  const metricNames = new Set<string>();
  let requests: Readonly<Record<string, number>> = {};
  const series = new Set<string>();
  const server = createServer(async (request, response) => {
    const sent = await buffer(request);
    const body = String(request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent);
    texts.push(body);
    const { resourceSpans = [], ...metrics } = JSON.parse(body) as Traces & Metrics;
    // Each post counts from the start of its process.
    requests = { ...requests, ...countRequests(metrics) };
    for (const { name } of metricsIn(metrics)) metricNames.add(name);
    for (const each of seriesIn(metrics)) series.add(each);
    for (const { resource, scopeSpans } of resourceSpans) {
      const named = resource.attributes.find(({ key }) => key === "service.name");
      const service = named?.value.stringValue ?? "";
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ ...span, service })));
    }
    response.setHeader("content-type", "application/json").end("{}");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    },
    texts,
    spans,
    metricNames,
    requests: () => requests,
    series: () => [...series].sort(),
    async stop() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}

/** They have series that come with time, as the kinds of garbage collection do. */
const OF_THE_PROCESS = /^(system|process|nodejs|v8js)\./;

function seriesIn(metrics: Metrics): readonly string[] {
  return metricsIn(metrics)
    .filter(({ name }) => !OF_THE_PROCESS.test(name))
    .flatMap(({ name, histogram, sum, gauge }) =>
      [histogram, sum, gauge].flatMap((points) =>
        (points?.dataPoints ?? []).map(({ attributes }) => {
          const told = attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]);
          return `${name} ${JSON.stringify(Object.fromEntries(told))}`;
        }),
      ),
    );
}

function metricsIn({ resourceMetrics = [] }: Metrics) {
  return resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
}

function countRequests(metrics: Metrics): Readonly<Record<string, number>> {
  const points = metricsIn(metrics)
    .filter(({ name }) => name === "http.server.request.duration")
    .flatMap(({ histogram }) => histogram?.dataPoints ?? []);
  return Object.fromEntries(
    points.map(({ attributes, count }) => {
      const textOf = (name: string): string | number | undefined => {
        const value = attributes.find(({ key }) => key === name)?.value;
        return value?.stringValue ?? value?.intValue;
      };
      const series = ["http.request.method", "http.route", "http.response.status_code"].map(textOf);
      return [series.filter((part) => part !== undefined).join(" "), Number(count)];
    }),
  );
}
