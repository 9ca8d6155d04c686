import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Content hash of every file of a Next.js app's build that a browser can load, by its path. */
export function clientFilesOf(app: string): Readonly<Record<string, string>> {
  const root = join(app, ".next/static");
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [
        path.slice(root.length),
        createHash("sha256").update(readFileSync(path)).digest("hex"),
      ]),
  );
}
