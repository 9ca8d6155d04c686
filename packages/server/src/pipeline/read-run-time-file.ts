import { closeSync, openSync, readSync } from "node:fs";

/**
 * The first `maxBytes` of a file that only the running process can name. Turbopack ships what a bundle may read, and
 * for an unknown path that is the whole project; build.mjs marks the one call below so that it looks away.
 * @throws what `openSync` throws.
 */
export function readRunTimeFile(runTimePath: string, maxBytes: number): string {
  const file = openSync(runTimePath, "r");
  try {
    const bytes = Buffer.alloc(maxBytes);
    let size = 0;
    // Files of /proc hand out a page at a time.
    for (let read = 1; read > 0 && size < maxBytes; size += read) {
      read = readSync(file, bytes, size, maxBytes - size, null);
    }
    return bytes.toString("utf8", 0, size);
  } finally {
    closeSync(file);
  }
}
