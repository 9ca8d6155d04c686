import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const room = fileURLToPath(new URL("..", import.meta.url));
const { exports, dependencies, peerDependencies } = JSON.parse(
  readFileSync(join(room, "package.json"), "utf8"),
) as {
  readonly exports: Readonly<Record<string, { readonly types?: string }>>;
  readonly dependencies: object;
  readonly peerDependencies: object;
};
const IMPORT = /^(?:import|export) .*from "([^"]+)";$|import\("([^"]+)"\)/gm;

/** The packages that the types of an entry name, through every file that they come from; of `npm run build`. */
function packagesOf(file: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  return [...readFileSync(file, "utf8").matchAll(IMPORT)].flatMap(([, named, inline]) => {
    const name = named ?? inline ?? "";
    if (name.startsWith(".")) return packagesOf(join(dirname(file), name.replace(/\.[jt]s$/, ".d.ts")), seen);
    return name.startsWith("node:") ? [] : [name.split("/", name.startsWith("@") ? 2 : 1).join("/")];
  });
}

test("the types name no package that is not installed with this one: tsc checks them in every app", () => {
  const installed = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
  for (const [entry, { types }] of Object.entries(exports)) {
    if (!types) continue;
    const missing = packagesOf(join(room, types)).filter((name) => !installed.has(name));
    // An app that wraps its next.config has Next.js.
    expect(missing, entry).toEqual(entry === "./next-config" ? ["next"] : []);
  }
});
