/** The part of `node:sqlite` in use; the types of Node 20, our floor, do not have it. */
export interface SqliteModule {
  readonly DatabaseSync: new (file: string) => Database;
}

export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface Statement {
  run(...values: readonly (string | number)[]): unknown;
  get(...values: readonly (string | number)[]): Row | undefined;
  all(...values: readonly (string | number)[]): readonly Row[];
}

export type Row = { readonly [column: string]: unknown };

// In a variable, because type checker and bundlers look for modules that Node 20 does not have.
const SQLITE: string = "node:sqlite";

/** `node:sqlite`, or undefined where Node does not have it: https://nodejs.org/api/sqlite.html */
export async function loadSqlite(): Promise<SqliteModule | undefined> {
  const restore = muteExperimentalWarning();
  try {
    return (await import(SQLITE)) as SqliteModule;
  } catch {
    return undefined;
  } finally {
    restore();
  }
}

// Node 22 and early 24 warn on import; it would be the first line a user sees, and there is nothing to do about it.
function muteExperimentalWarning(): () => void {
  const original = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: []) => {
    if (!String(warning).startsWith("SQLite is an experimental feature")) {
      original.call(process, warning, ...rest);
    }
  }) as typeof process.emitWarning;
  return () => {
    process.emitWarning = original;
  };
}
