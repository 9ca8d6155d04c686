import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { type SpanJson, type SpanRecord, spanFromJson, spanToJson } from "@throughline/core";
import { createLinkIndex, type LinkIndex } from "./link-index.ts";
import { createListeners } from "./listeners.ts";
import { DEFAULT_LIMITS, type SpanStore, type StoreLimits } from "./span-store.ts";
import { type Database, loadSqlite } from "./sqlite-module.ts";
import { milliseconds } from "./summarize.ts";
import {
  approximateBytes,
  createTraceIndex,
  sizeOf,
  type TraceChange,
  type TraceIndex,
} from "./trace-index.ts";

export interface SqliteOptions extends Partial<StoreLimits> {
  /** Path of the database, created when missing; `:memory:` for none. */
  readonly file: string;
}

const SCHEMA_VERSION = 1;

/**
 * Keeps spans in an SQLite file that outlives the process.
 * @throws Error where `node:sqlite` does not exist (before Node 22.13) or the file is in use.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<SpanStore> {
  const sqlite = await loadSqlite();
  if (sqlite === undefined) {
    throw new Error(
      `throughline: the sqlite store needs node:sqlite, which Node ${process.versions.node} does not have; use the memory store, or Node 22.13 or later`,
    );
  }
  if (options.file !== ":memory:") createPrivately(options.file);
  const database = new sqlite.DatabaseSync(options.file);
  try {
    prepareSchema(database);
  } catch (error) {
    database.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `throughline: cannot use ${options.file} as span store (${reason}); another collector may hold it. Give another file`,
    );
  }
  return createStore(database, { ...DEFAULT_LIMITS, ...options });
}

function createStore(database: Database, limits: StoreLimits): SpanStore {
  const load = createLoader(database);
  const index = createTraceIndex(limits, load);
  const write = createWriter(database, index, limits);
  const remove = database.prepare("DELETE FROM span WHERE trace_id = ?");
  const links = createLinkIndex();
  const listeners = createListeners();
  const evict = (): void => {
    const evicted = index.evict();
    links.forget(evicted);
    if (evicted.length > 0) transaction(database, () => evicted.forEach((id) => void remove.run(id)));
  };
  restoreIndex(database, index);
  restoreLinks(database, links);
  evict();

  return {
    kind: "sqlite",
    upsert(spans) {
      const stored = write(spans);
      stored.forEach(links.add);
      evict();
      listeners.tell(stored);
      return { stored: stored.length, refused: spans.length - stored.length };
    },
    getTrace: load,
    linksTo: (traceId) => links.to(traceId),
    list: (filter) => index.list(filter),
    stats: () => index.stats(),
    subscribe: (listener) => listeners.add(listener),
    clear() {
      database.exec("DELETE FROM span");
      index.clear();
      links.clear();
    },
    close: () => database.close(),
  };
}

function createLoader(database: Database): (traceId: string) => readonly SpanRecord[] {
  const select = database.prepare("SELECT json FROM span WHERE trace_id = ? ORDER BY seq");
  return (traceId) =>
    select.all(traceId).map((row) => spanFromJson(JSON.parse(String(row.json)) as SpanJson));
}

/** Writes a batch in one transaction; the index learns of it only once it is committed. */
function createWriter(
  database: Database,
  index: TraceIndex,
  limits: StoreLimits,
): (spans: readonly SpanRecord[]) => readonly SpanRecord[] {
  const find = database.prepare("SELECT bytes FROM span WHERE trace_id = ? AND span_id = ?");
  const insert = database.prepare(
    `INSERT INTO span (trace_id, span_id, start_ms, bytes, json) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (trace_id, span_id) DO UPDATE SET start_ms = excluded.start_ms, bytes = excluded.bytes, json = excluded.json`,
  );
  const put = (span: SpanRecord, pending: number): TraceChange | undefined => {
    const before = find.get(span.traceId, span.spanId);
    const full = index.spanCount(span.traceId) + pending >= limits.maxSpansPerTrace;
    if (before === undefined && full) return undefined;
    // Each row has the resource in its JSON.
    const bytes = approximateBytes(span) + sizeOf(span.resource);
    const startUnixMs = milliseconds(span.startUnixNano);
    insert.run(span.traceId, span.spanId, startUnixMs, bytes, JSON.stringify(spanToJson(span)));
    const addedBytes = bytes - Number(before?.bytes ?? 0);
    return { addedSpans: before === undefined ? 1 : 0, addedBytes, startUnixMs };
  };
  return (spans) => {
    const added = new Map<string, number>();
    const changes: [SpanRecord, TraceChange][] = [];
    transaction(database, () => {
      for (const span of spans) {
        const pending = added.get(span.traceId) ?? 0;
        const change = put(span, pending);
        if (change === undefined) continue;
        added.set(span.traceId, pending + change.addedSpans);
        changes.push([span, change]);
      }
    });
    for (const [span, change] of changes) index.touch(span.traceId, change);
    return changes.map(([span]) => span);
  };
}

function transaction(database: Database, work: () => void): void {
  database.exec("BEGIN");
  try {
    work();
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function prepareSchema(database: Database): void {
  // Exclusive: the index lives in this process, so a second writer would make it wrong.
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  const version = Number(database.prepare("PRAGMA user_version").get()?.user_version ?? 0);
  // The file is a cache: another version's spans are dropped, not migrated.
  if (version !== SCHEMA_VERSION) database.exec("DROP TABLE IF EXISTS span");
  database.exec(`
    CREATE TABLE IF NOT EXISTS span (
      seq INTEGER PRIMARY KEY,
      trace_id TEXT NOT NULL,
      span_id TEXT NOT NULL,
      start_ms REAL NOT NULL,
      bytes INTEGER NOT NULL,
      json TEXT NOT NULL,
      UNIQUE (trace_id, span_id)
    );
    PRAGMA user_version = ${SCHEMA_VERSION}`);
}

function restoreIndex(database: Database, index: TraceIndex): void {
  const rows = database
    .prepare(
      `SELECT trace_id, COUNT(*) AS spans, SUM(bytes) AS bytes, MIN(start_ms) AS start_ms
       FROM span GROUP BY trace_id ORDER BY MAX(seq)`,
    )
    .all();
  for (const row of rows) {
    index.touch(String(row.trace_id), {
      addedSpans: Number(row.spans),
      addedBytes: Number(row.bytes),
      startUnixMs: Number(row.start_ms),
    });
  }
}

function restoreLinks(database: Database, links: LinkIndex): void {
  // Few spans have links; in a text of the app's own the quotes would be escaped.
  const rows = database
    .prepare(`SELECT json FROM span WHERE instr(json, '"links":[{') > 0 ORDER BY seq`)
    .all();
  for (const { json } of rows) links.add(spanFromJson(JSON.parse(String(json)) as SpanJson));
}

// Traces hold URLs and queries of the app: nobody else on the machine should read them.
function createPrivately(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, "a", 0o600));
}
