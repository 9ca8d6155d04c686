import { isInstalled } from "./installed.ts";
import {
  ALL_INSTRUMENTATIONS,
  EXTERNAL_BY_DEFAULT,
  INSTRUMENTED_LIBRARIES,
} from "./instrumented-libraries.ts";

/** What watches `require` for the instrumentations; Next.js leaves it out of its bundles where it finds it. */
const REQUIRE_HOOK = "require-in-the-middle";

/**
 * The installed packages that Next.js would bundle and that work only outside: libraries that an installed
 * instrumentation patches, and in a strict tree the instrumentations themselves.
 */
export function packagesToLeaveOut(folder: string): readonly string[] {
  return [...librariesToLeaveOut(folder), ...instrumentationsToLeaveOut(folder)];
}

/**
 * Where the app does not find the hook, as in pnpm's tree, it is bundled with the instrumentation, and webpack replaces
 * the `require.resolve` by which it recognises a library: nothing is patched, and nothing says so.
 * https://github.com/vercel/next.js/issues/68805
 */
function instrumentationsToLeaveOut(folder: string): readonly string[] {
  if (isInstalled(REQUIRE_HOOK, folder)) return [];
  return [ALL_INSTRUMENTATIONS, ...Object.keys(INSTRUMENTED_LIBRARIES)].filter((name) =>
    isInstalled(name, folder),
  );
}

/** A bundled library is never loaded by `require`, so the patch would wait for ever. */
function librariesToLeaveOut(folder: string): readonly string[] {
  const all = isInstalled(ALL_INSTRUMENTATIONS, folder);
  return Object.entries(INSTRUMENTED_LIBRARIES)
    .filter(([instrumentation]) => all || isInstalled(instrumentation, folder))
    .flatMap(([, libraries]) => libraries)
    .filter((library) => !EXTERNAL_BY_DEFAULT.has(library) && isInstalled(library, folder));
}
