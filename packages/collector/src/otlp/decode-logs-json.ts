import { attributesOf, readValue } from "./decode-json.ts";
import type { Intern } from "./intern.ts";
import { countOf, idOf, type JsonObject, listOf, objectOf, textOf, timeOf } from "./json-fields.ts";
import { addLog, type DecodedLogs, type LogDraft, openLog } from "./log-draft.ts";

/**
 * Reads an `ExportLogsServiceRequest` from parsed JSON.
 * @throws DecodeError when a field has the wrong shape.
 */
export function decodeJsonLogs(request: JsonObject, intern: Intern): DecodedLogs {
  const decoded: DecodedLogs = { count: 0, lines: [] };
  for (const resourceLogs of listOf(request.resourceLogs, "resourceLogs")) {
    const resource = attributesOf(objectOf(resourceLogs.resource, "resource"), intern);
    for (const scopeLogs of listOf(resourceLogs.scopeLogs, "scopeLogs")) {
      for (const log of listOf(scopeLogs.logRecords, "logRecords"))
        addLog(decoded, readLog(log, intern), resource);
    }
  }
  return decoded;
}

function readLog(log: JsonObject, intern: Intern): LogDraft {
  return {
    ...openLog(),
    traceId: idOf(log.traceId, "traceId", 16),
    spanId: idOf(log.spanId, "spanId", 8),
    timeUnixNano: timeOf(log.timeUnixNano, "timeUnixNano"),
    observedUnixNano: timeOf(log.observedTimeUnixNano, "observedTimeUnixNano"),
    severityNumber: countOf(log.severityNumber, "severityNumber"),
    severityText: intern(textOf(log.severityText, "severityText")),
    body: readValue(objectOf(log.body, "body"), intern, 0),
    attributes: attributesOf(log, intern),
  };
}
