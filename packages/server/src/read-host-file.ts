import { hostFiles } from "./host-files.ts";

/**
 * The first `maxBytes` of a file of the machine, such as a certificate.
 * @throws what `openSync` throws.
 */
export function readHostFile(path: string, maxBytes: number): string {
  const files = hostFiles();
  const file = files.openSync(path, "r");
  try {
    const bytes = Buffer.alloc(maxBytes);
    let size = 0;
    // Files of /proc hand out a page at a time.
    for (let read = 1; read > 0 && size < maxBytes; size += read) {
      read = files.readSync(file, bytes, size, maxBytes - size, null);
    }
    return bytes.toString("utf8", 0, size);
  } finally {
    files.closeSync(file);
  }
}
