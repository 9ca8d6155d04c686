import { join } from "node:path";
import { hostFiles } from "../host-files.ts";
import { folderOf } from "../libraries/installed.ts";

const API = "@opentelemetry/api";
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

interface Copy {
  readonly folder: string;
  readonly version: string;
}

/**
 * One sentence for each copy of the api that gets nothing from what is registered, with both places and the cure.
 * Looks where the app's own code and that of its direct dependencies would find the api.
 */
export function apiCopies(app: string): readonly string[] {
  const registered = registeredVersion();
  if (registered === undefined) return [];
  const { dependencies } = packageIn(app);
  const own = copyFor(app);
  const told = new Set<string>();
  const sentences: string[] = [];
  for (const name of ["", ...Object.keys(dependencies)]) {
    const from = name === "" ? app : folderOf(name, app);
    const copy = from === undefined ? undefined : copyFor(from);
    if (!copy || told.has(copy.folder) || reads(copy.version, registered)) continue;
    told.add(copy.folder);
    sentences.push(sentence({ user: name || "the app", copy, registered, own, dependencies }));
  }
  return sentences;
}

/** The api's own rule: a copy reads a registration of its major version that is not older than itself. */
function reads(own: string, registered: string): boolean {
  const [major, minor = 0] = own.split(".").map(Number);
  const [registeredMajor, registeredMinor = 0] = registered.split(".").map(Number);
  return major === registeredMajor && minor <= registeredMinor;
}

interface Told {
  readonly user: string;
  readonly copy: Copy;
  readonly registered: string;
  readonly own: Copy | undefined;
  readonly dependencies: Readonly<Record<string, unknown>>;
}

function sentence({ user, copy, registered, own, dependencies }: Told): string {
  const place = own?.version === registered ? ` (${own.folder})` : "";
  // npm takes an override of what the app names itself only in these words.
  const version = API in dependencies ? `$${API}` : registered;
  return `two versions of ${API}: ${registered} is registered${place}, but ${user} has ${copy.version} (${copy.folder}), which takes nothing from an older one, so its spans are lost. Add "overrides": { "${API}": "${version}" } to package.json (pnpm: under "pnpm", yarn: "resolutions"), install again and restart`;
}

function registeredVersion(): string | undefined {
  return (globalThis as { [REGISTRY]?: { readonly version?: string } })[REGISTRY]?.version;
}

function copyFor(folder: string): Copy | undefined {
  const found = folderOf(API, folder);
  const { version } = found === undefined ? {} : packageIn(found);
  return found !== undefined && version !== undefined ? { folder: found, version } : undefined;
}

function packageIn(folder: string): {
  readonly version?: string;
  readonly dependencies: Readonly<Record<string, unknown>>;
} {
  try {
    return {
      dependencies: {},
      ...JSON.parse(hostFiles().readFileSync(join(folder, "package.json"), "utf8")),
    };
  } catch {
    return { dependencies: {} };
  }
}
