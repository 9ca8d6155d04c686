// The demo's table in a Postgres that somebody else runs.
import { readFile } from "node:fs/promises";
import pg from "pg";

/** Creates what is missing; leaves what is there. */
export async function applySchema(connectionString) {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(await readFile(new URL("./schema.sql", import.meta.url), "utf8"));
  } finally {
    await client.end();
  }
}
