import nodeModule from "node:module";
import { afterEach, expect, test } from "vitest";
import { folderOf, isInstalled } from "./installed.ts";

afterEach(() => void Reflect.deleteProperty(nodeModule, "findPnpApi"));

/** As `.pnp.cjs` has it: https://yarnpkg.com/advanced/pnpapi */
function plugAndPlay(packages: Readonly<Record<string, string>>): void {
  const resolveToUnqualified = (name: string, issuer: string): string => {
    const found = issuer === "/app/" ? packages[name] : undefined;
    if (found === undefined) throw new Error(`${issuer} does not name ${name}`);
    return found;
  };
  Reflect.set(nodeModule, "findPnpApi", (path: string) =>
    path.startsWith("/app/") ? { resolveToUnqualified } : null,
  );
}

test("where Yarn's Plug'n'Play runs, it says what is installed", () => {
  plugAndPlay({ pg: "/app/.yarn/cache/pg.zip/node_modules/pg/" });
  expect(folderOf("pg", "/app")).toBe("/app/.yarn/cache/pg.zip/node_modules/pg/");
  expect(isInstalled("ioredis", "/app")).toBe(false);
  expect(isInstalled("pg", "/elsewhere")).toBe(false);
});
