export { type Collector, type CollectorOptions, createCollector } from "./collector.ts";
export { PortBusyError, type RunningCollector, type ServeOptions, startCollector } from "./ports/serve.ts";
export { createMemoryStore } from "./store/memory-store.ts";
export type {
  SpanStore,
  SpansListener,
  Stop,
  StoreLimits,
  StoreStats,
  TraceFilter,
  UpsertResult,
} from "./store/span-store.ts";
export { openSqliteStore, type SqliteOptions } from "./store/sqlite-store.ts";
export { describeTrace, summarizeTrace } from "./store/summarize.ts";
