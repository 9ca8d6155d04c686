// Postgres for the demo, in a process of its own because PGlite takes several hundred megabytes.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.DATABASE_PORT ?? "5433" },
    // A folder keeps the orders; without one they live as long as the process.
    data: { type: "string", default: "memory://" },
  },
});

const db = await PGlite.create(values.data);
await db.exec(await readFile(new URL("./schema.sql", import.meta.url), "utf8"));
// The default of one connection closes the second one a pool opens.
const server = new PGLiteSocketServer({
  db,
  host: "127.0.0.1",
  port: Number(values.port),
  maxConnections: 20,
});

let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  await server.stop();
  await db.close();
  process.exit(0);
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);

try {
  await server.start();
} catch (error) {
  console.error(`demo database: cannot listen on 127.0.0.1:${values.port}: ${error.message}`);
  process.exit(1);
}
console.log(`demo database ready at postgresql://postgres@${server.getServerConn()}/postgres`);
