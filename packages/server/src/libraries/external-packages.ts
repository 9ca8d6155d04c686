import { isInstalled } from "./installed.ts";
import {
  ALL_INSTRUMENTATIONS,
  EXTERNAL_BY_DEFAULT,
  INSTRUMENTED_LIBRARIES,
} from "./instrumented-libraries.ts";

/**
 * The installed libraries that an installed instrumentation patches and Next.js would bundle. A bundled library is
 * never loaded by `require`, so the patch would wait for ever.
 */
export function librariesToLeaveOut(folder: string): readonly string[] {
  const all = isInstalled(ALL_INSTRUMENTATIONS, folder);
  return Object.entries(INSTRUMENTED_LIBRARIES)
    .filter(([instrumentation]) => all || isInstalled(instrumentation, folder))
    .flatMap(([, libraries]) => libraries)
    .filter((library) => !EXTERNAL_BY_DEFAULT.has(library) && isInstalled(library, folder));
}
