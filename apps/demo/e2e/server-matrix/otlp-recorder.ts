import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

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

/** A collector for a flood: it keeps no trace but what was posted, and the tests beside lose nothing of theirs to it. */
export async function startOtlpRecorder(): Promise<OtlpRecorder> {
  const texts: string[] = [];
  const spans: SentSpan[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    texts.push(body);
    const { resourceSpans = [] } = JSON.parse(body) as Traces;
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
    async stop() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}
