import { isBuiltin } from "node:module";
import { join, sep } from "node:path";
import { hostFiles, hostRequire } from "../host-files.ts";
import type { Instrumentation } from "../register-options.ts";
import { isInstalled, isOwnDependency } from "./installed.ts";
import { EXTERNAL_BY_DEFAULT } from "./instrumented-libraries.ts";

export interface AppFolders {
  /** Where the app runs. */
  readonly app: string;
  /** Its build, absolute; `undefined` where the host does not bundle. */
  readonly build: string | undefined;
}

/**
 * One sentence for each library whose instrumentation was given and cannot work: Next.js bundled the library, or
 * something loaded it before. Without this the spans are missing and nothing says why.
 */
export function unpatchedLibraries(
  instrumentations: readonly Instrumentation[],
  folders: AppFolders,
): readonly string[] {
  const libraries = new Set(instrumentations.flatMap(librariesOf));
  if (libraries.size === 0) return [];
  const external = externalPackages(folders.build);
  const loaded = loadedFiles();
  return [...libraries].flatMap((library) => {
    if (isBuiltin(library) || !isInstalled(library, folders.app)) return [];
    if (external && !external.has(library) && isOwnDependency(library, folders.app)) {
      return [
        `${library}: installed, NOT patched, Next.js bundled it; wrap next.config with withTracing or add ${JSON.stringify(library)} to its serverExternalPackages, and build again`,
      ];
    }
    if (loaded.some((file) => file.includes(`${sep}node_modules${sep}${library}${sep}`))) {
      return [
        `${library}: installed, NOT patched, it was loaded before tracing started; load it after register()`,
      ];
    }
    return [];
  });
}

/** The packages an instrumentation waits for, as OpenTelemetry's base class lists them. */
function librariesOf(instrumentation: Instrumentation): readonly string[] {
  const modules: unknown = Reflect.get(instrumentation, "_modules");
  if (!Array.isArray(modules)) return [];
  return modules.flatMap((module: { readonly name?: unknown } | undefined) =>
    typeof module?.name === "string" ? [module.name] : [],
  );
}

/** What this build left out of its bundles; `undefined` where nothing was built (`next dev`, plain Node). */
function externalPackages(build: string | undefined): ReadonlySet<string> | undefined {
  if (build === undefined) return undefined;
  try {
    const file = hostFiles().readFileSync(join(build, "required-server-files.json"), "utf8");
    const { config } = JSON.parse(file) as { config?: { serverExternalPackages?: readonly string[] } };
    return new Set([...EXTERNAL_BY_DEFAULT, ...(config?.serverExternalPackages ?? [])]);
  } catch {
    return undefined;
  }
}

function loadedFiles(): readonly string[] {
  return Object.keys(hostRequire().cache);
}
