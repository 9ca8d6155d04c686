import {
  BadField,
  base64,
  bool,
  double,
  enumOf,
  type FieldWriter,
  fixed32,
  fixed64,
  id,
  int64,
  list,
  message,
  oneOf,
  packed,
  sfixed64,
  sint32,
  text,
  uint32,
  uint64,
} from "./json-fields.ts";
import { createProtobufWriter, takePiece } from "./protobuf-writer.ts";

// The messages of OTLP 1: https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto
// What is not named here is left out, as a protobuf reader leaves out what it does not know.

/** For what a message holds that holds the message. */
const anyValue: FieldWriter = (w, number, value, depth) => valueMessage(w, number, value, depth);
const attributes = list(message({ key: [1, text], value: [2, anyValue] }));
const valueMessage = oneOf({
  stringValue: [1, text],
  boolValue: [2, bool],
  intValue: [3, int64],
  doubleValue: [4, double],
  arrayValue: [5, message({ values: [1, list(anyValue)] })],
  kvlistValue: [6, message({ values: [1, attributes] })],
  bytesValue: [7, base64],
});

const entity = message({
  schemaUrl: [1, text],
  type: [2, text],
  idKeys: [3, list(text)],
  descriptionKeys: [4, list(text)],
});
const resource = message({
  attributes: [1, attributes],
  droppedAttributesCount: [2, uint32],
  entityRefs: [3, list(entity)],
});
const scope = message({
  name: [1, text],
  version: [2, text],
  attributes: [3, attributes],
  droppedAttributesCount: [4, uint32],
});

const traceId = id(16);
const spanId = id(8);
const event = message({
  timeUnixNano: [1, fixed64],
  name: [2, text],
  attributes: [3, attributes],
  droppedAttributesCount: [4, uint32],
});
const link = message({
  traceId: [1, traceId],
  spanId: [2, spanId],
  traceState: [3, text],
  attributes: [4, attributes],
  droppedAttributesCount: [5, uint32],
  flags: [6, fixed32],
});
const status = message({
  message: [2, text],
  code: [3, enumOf("STATUS_CODE_", ["UNSET", "OK", "ERROR"])],
});
const span = message({
  traceId: [1, traceId],
  spanId: [2, spanId],
  traceState: [3, text],
  parentSpanId: [4, spanId],
  name: [5, text],
  kind: [6, enumOf("SPAN_KIND_", ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"])],
  startTimeUnixNano: [7, fixed64],
  endTimeUnixNano: [8, fixed64],
  attributes: [9, attributes],
  droppedAttributesCount: [10, uint32],
  events: [11, list(event)],
  droppedEventsCount: [12, uint32],
  links: [13, list(link)],
  droppedLinksCount: [14, uint32],
  status: [15, status],
  flags: [16, fixed32],
});

const SEVERITIES = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].flatMap((name) =>
  ["", "2", "3", "4"].map((step) => name + step),
);
const logRecord = message({
  timeUnixNano: [1, fixed64],
  severityNumber: [2, enumOf("SEVERITY_NUMBER_", ["UNSPECIFIED", ...SEVERITIES])],
  severityText: [3, text],
  body: [5, anyValue],
  attributes: [6, attributes],
  droppedAttributesCount: [7, uint32],
  flags: [8, fixed32],
  traceId: [9, traceId],
  spanId: [10, spanId],
  observedTimeUnixNano: [11, fixed64],
  eventName: [12, text],
});

const exemplars = list(
  message({
    timeUnixNano: [2, fixed64],
    asDouble: [3, double],
    spanId: [4, spanId],
    traceId: [5, traceId],
    asInt: [6, sfixed64],
    filteredAttributes: [7, attributes],
  }),
);
const numberPoints = list(
  message({
    startTimeUnixNano: [2, fixed64],
    timeUnixNano: [3, fixed64],
    asDouble: [4, double],
    exemplars: [5, exemplars],
    asInt: [6, sfixed64],
    attributes: [7, attributes],
    flags: [8, uint32],
  }),
);
const histogramPoints = list(
  message({
    startTimeUnixNano: [2, fixed64],
    timeUnixNano: [3, fixed64],
    count: [4, fixed64],
    sum: [5, double],
    bucketCounts: [6, packed(fixed64)],
    explicitBounds: [7, packed(double)],
    exemplars: [8, exemplars],
    attributes: [9, attributes],
    flags: [10, uint32],
    min: [11, double],
    max: [12, double],
  }),
);
const buckets = message({ offset: [1, sint32], bucketCounts: [2, packed(uint64)] });
const exponentialPoints = list(
  message({
    attributes: [1, attributes],
    startTimeUnixNano: [2, fixed64],
    timeUnixNano: [3, fixed64],
    count: [4, fixed64],
    sum: [5, double],
    scale: [6, sint32],
    zeroCount: [7, fixed64],
    positive: [8, buckets],
    negative: [9, buckets],
    flags: [10, uint32],
    exemplars: [11, exemplars],
    min: [12, double],
    max: [13, double],
    zeroThreshold: [14, double],
  }),
);
const summaryPoints = list(
  message({
    startTimeUnixNano: [2, fixed64],
    timeUnixNano: [3, fixed64],
    count: [4, fixed64],
    sum: [5, double],
    quantileValues: [6, list(message({ quantile: [1, double], value: [2, double] }))],
    attributes: [7, attributes],
    flags: [8, uint32],
  }),
);
const temporality = enumOf("AGGREGATION_TEMPORALITY_", ["UNSPECIFIED", "DELTA", "CUMULATIVE"]);
const metric = message({
  name: [1, text],
  description: [2, text],
  unit: [3, text],
  gauge: [5, message({ dataPoints: [1, numberPoints] })],
  sum: [
    7,
    message({
      dataPoints: [1, numberPoints],
      aggregationTemporality: [2, temporality],
      isMonotonic: [3, bool],
    }),
  ],
  histogram: [9, message({ dataPoints: [1, histogramPoints], aggregationTemporality: [2, temporality] })],
  exponentialHistogram: [
    10,
    message({ dataPoints: [1, exponentialPoints], aggregationTemporality: [2, temporality] }),
  ],
  summary: [11, message({ dataPoints: [1, summaryPoints] })],
  metadata: [12, attributes],
});

/** An export request: what it holds, below its scopes, below their resources. */
function request(resources: string, scopes: string, items: string, item: FieldWriter): FieldWriter {
  const ofScope = message({ scope: [1, scope], [items]: [2, list(item)], schemaUrl: [3, text] });
  const ofResource = message({ resource: [1, resource], [scopes]: [2, list(ofScope)], schemaUrl: [3, text] });
  return message({ [resources]: [1, list(ofResource)] });
}

const REQUESTS: Readonly<Record<"traces" | "metrics" | "logs", FieldWriter>> = {
  traces: request("resourceSpans", "scopeSpans", "spans", span),
  metrics: request("resourceMetrics", "scopeMetrics", "metrics", metric),
  logs: request("resourceLogs", "scopeLogs", "logRecords", logRecord),
};

/**
 * An OTLP/JSON export request, parsed, as protobuf.
 * @throws BadField where it is none.
 */
export function protobufOf(signal: keyof typeof REQUESTS, json: unknown): Uint8Array {
  const w = createProtobufWriter();
  REQUESTS[signal](w, 0, json, 0);
  // It may wait for long, and would keep the writer's whole slab.
  return takePiece(w).slice();
}

/** What a sender of such JSON is told; `undefined`: it is no fault of the JSON. */
export function complaintOf(error: unknown): string | undefined {
  return error instanceof BadField ? `the field ${error.path || "(body)"} ${error.message}` : undefined;
}
