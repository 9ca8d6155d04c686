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
  /** Tracing started before the app could load them. */
  readonly isLate?: boolean;
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
  const loaded = folders.isLate ? [] : Object.entries(hostRequire().cache);
  return [...libraries].flatMap((library) => {
    if (isBuiltin(library) || !isInstalled(library, folders.app)) return [];
    if (external && !external.has(library) && isOwnDependency(library, folders.app)) {
      return [
        `${library}: installed, NOT patched, Next.js bundled it; wrap next.config with withTracing or add ${JSON.stringify(library)} to its serverExternalPackages, and build again`,
      ];
    }
    const place = `${sep}node_modules${sep}${library}${sep}`;
    const modules = loaded.filter(([file]) => file.includes(place)).map(([, module]) => module?.exports);
    if (modules.length > 0 && !modules.some(isPatched)) {
      return [
        `${library}: installed, NOT patched, it was loaded before tracing started; load it after register()`,
      ];
    }
    return [];
  });
}

/** As OpenTelemetry's base class lists them. */
interface Patches {
  readonly name?: unknown;
  readonly patch?: unknown;
  readonly files?: readonly unknown[];
}

/** The packages an instrumentation patches. Prisma's names its client only, which comes and asks for spans itself. */
function librariesOf(instrumentation: Instrumentation): readonly string[] {
  const modules: unknown = Reflect.get(instrumentation, "_modules");
  if (!Array.isArray(modules)) return [];
  return modules.flatMap((module: Patches | undefined) =>
    typeof module?.name === "string" && (module.patch || module.files?.length) ? [module.name] : [],
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

/** Whether something in it has been wrapped, as OpenTelemetry's base class marks it: what it exports, or a method of that. */
function isPatched(exports: unknown): boolean {
  return membersOf(exports).some((member) => isWrapped(member) || membersOf(member).some(isWrapped));
}

/** Of an object or function and of its prototype; without calling any getter. */
function membersOf(value: unknown): readonly unknown[] {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return [];
  const descriptors = Object.values(Object.getOwnPropertyDescriptors(value));
  const members = descriptors.map((descriptor): unknown => descriptor.value);
  const prototype: unknown = typeof value === "function" ? value.prototype : undefined;
  return prototype ? [...members, ...membersOf(prototype)] : members;
}

function isWrapped(value: unknown): boolean {
  return typeof value === "function" && Reflect.get(value, "__wrapped") === true;
}
