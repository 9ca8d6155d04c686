import { Pool } from "pg";

const DEFAULT_URL = "postgresql://postgres@127.0.0.1:5433/postgres";

let pool: Pool | undefined;

/** The process's one pool, opened at first use. */
export function database(): Pool {
  if (pool !== undefined) return pool;
  pool = new Pool({ connectionString: process.env.DATABASE_URL ?? DEFAULT_URL, max: 5 });
  // An idle connection that breaks would otherwise end the process; the next query opens a new one.
  pool.on("error", (error) => console.warn(`demo: lost an idle database connection: ${error.message}`));
  return pool;
}
