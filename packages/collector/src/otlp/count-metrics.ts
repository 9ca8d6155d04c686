import { type JsonObject, listOf, objectOf } from "./json-fields.ts";
import { bytes, type Cursor, openCursor, readMessage, readVarint, skipField } from "./protobuf-reader.ts";

// Metrics are accepted, so that an SDK that exports everything sees no errors, and only counted.

/** Field numbers from the request down to one data point: ResourceMetrics, ScopeMetrics, Metric, its data by type, data point. */
const METRIC_PATH = [[1], [2], [2], [5, 7, 9, 10, 11], [1]];
const METRIC_DATA = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];

/** Metric data points of a protobuf request. */
export function countProtobufMetrics(body: Uint8Array): number {
  return countAt(openCursor(body), METRIC_PATH);
}

/** Metric data points of a JSON request. */
export function countJsonMetrics(request: JsonObject): number {
  let count = 0;
  for (const resourceMetrics of listOf(request.resourceMetrics, "resourceMetrics")) {
    for (const scopeMetrics of listOf(resourceMetrics.scopeMetrics, "scopeMetrics")) {
      for (const metric of listOf(scopeMetrics.metrics, "metrics")) {
        for (const type of METRIC_DATA) {
          count += listOf(objectOf(metric[type], type).dataPoints, "dataPoints").length;
        }
      }
    }
  }
  return count;
}

function countAt(cursor: Cursor, path: readonly (readonly number[])[]): number {
  const [wanted, ...rest] = path;
  if (wanted === undefined) {
    cursor.at = cursor.end;
    return 1;
  }
  let count = 0;
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (wanted.some((field) => tag === bytes(field)))
      count += readMessage(cursor, () => countAt(cursor, rest));
    else skipField(cursor, tag);
  }
  return count;
}
