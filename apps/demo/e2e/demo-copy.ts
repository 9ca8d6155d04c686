import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const demo = fileURLToPath(new URL("../", import.meta.url));

/** The shop once more, unbuilt, with another next.config. */
export function copyDemo(folder: string, change: (source: string) => string): void {
  rmSync(folder, { recursive: true, force: true });
  cpSync(demo, folder, {
    recursive: true,
    filter: (path) => !/[\\/](\.next[^\\/]*|e2e|node_modules)$/.test(path),
  });
  const file = join(folder, "next.config.ts");
  // Types are checked in the demo itself.
  const source = readFileSync(file, "utf8").replace(
    "poweredByHeader",
    "typescript: { ignoreBuildErrors: true },\n  poweredByHeader",
  );
  writeFileSync(file, change(source));
}
