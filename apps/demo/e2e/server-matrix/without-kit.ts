import { stripVTControlCharacters } from "node:util";
import { expect } from "@playwright/test";
import { libraries } from "./cases/libraries.ts";
import { runCases } from "./run-cases.ts";
import { type BuiltApp, withBuild } from "./server-app.ts";

/** The same build without `withTracing`: what it warns of, and the library that Next.js bundles there. */
export async function checkWithoutKit(
  { combination, buildLog }: BuiltApp,
  given: Readonly<Record<string, string>>,
): Promise<void> {
  const bare = { ...combination, name: `${combination.name}-without-kit` };
  const env = { ...given, WITHOUT_KIT: "1" };
  await withBuild(
    bare,
    async (built) => {
      expect.soft(warningsIn(buildLog), "warnings of the build").toEqual(warningsIn(built.buildLog));
      await built.serve({ service: `server-app-${bare.name}`, env }, async (app) => {
        const found = libraries(bare).filter(({ path }) => path !== "/api/redis");
        await runCases(found, app, bare);
        expect(app.log.filter((line) => line.includes("NOT patched"))).toEqual([
          expect.stringContaining(
            'ioredis: installed, NOT patched, Next.js bundled it; wrap next.config with withTracing or add "ioredis" to its serverExternalPackages, and build again',
          ),
        ]);
      });
    },
    env,
  );
}

/** What a build or `next dev` warns of, bundlers' words on hooks into require among them. */
export function warningsIn(log: readonly string[]): readonly string[] {
  return log
    .map(stripVTControlCharacters)
    .filter((line) => /in-the-middle|critical dependency|module not found|warn|\u26a0/i.test(line))
    .sort();
}
