export { type ClockCorrection, type ClockShift, clockFinding, correctClocks } from "./clock-skew.ts";
export {
  DEFAULT_ENDPOINT,
  grpcEndpoint,
  type OtlpProtocol,
  protocolOf,
  readTracingConfig,
  type SamplerName,
  type TracingConfig,
  tracesUrl,
  tracingSettings,
} from "./config.ts";
export { diagnose, type Finding, type FindingCode, hopName, isBrowserRequest } from "./diagnosis.ts";
export type { LogLine } from "./log-line.ts";
export { type NoServer, whyNoServer } from "./no-server.ts";
export { isAssetPath, isHealthPath, isProbePath, isUnaskedPath } from "./noise-paths.ts";
export { redactQuery, redactUrl } from "./redact.ts";
export { isSecretName, scrub } from "./scrub.ts";
export {
  type BadValue,
  type Env,
  type Given,
  knownWords,
  parseBoolean,
  parseExactUrl,
  parseHeaders,
  parseInteger,
  parseKeyValues,
  parseList,
  parseOneOf,
  parseRatio,
  parseText,
  parseUrl,
  parseWords,
  readSettings,
  type Setting,
  SettingsError,
  type SettingsTable,
  type WhenBad,
} from "./settings.ts";
export { databaseOf, methodOf, pathOf, queryOf, routeOf, spanLabel, statusCodeOf } from "./span-label.ts";
export { spanNote } from "./span-note.ts";
export {
  type Attributes,
  type AttributeValue,
  type SpanEvent,
  type SpanEventShape,
  type SpanJson,
  type SpanKind,
  type SpanLink,
  type SpanRecord,
  type SpanShape,
  type StatusCode,
  serviceOf,
  spanFromJson,
  spanToJson,
} from "./span-record.ts";
export type {
  CollectorStats,
  IncomingLink,
  LinkTarget,
  SpansEvent,
  TraceDocument,
  TraceList,
  TraceRow,
  TraceSummary,
} from "./trace-api.ts";
export { parseTraceparent, printTraceparent, type TraceContext } from "./trace-context.ts";
export { parseTraceState } from "./trace-state.ts";
export { ancestorsOf, buildTraceTree, type TraceNode, type TraceTree } from "./trace-tree.ts";
export {
  isIgnored,
  mayPropagate,
  parseOrigin,
  parseUrlPrefix,
  type UrlPrefix,
  type UrlRules,
  underPrefix,
} from "./url-rules.ts";
