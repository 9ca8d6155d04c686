import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What the files of a Next.js app say, for an app that does not speak for itself. */
export interface FolderLook {
  /** A folder without `next.config` is no Next.js app; nothing is said of it. */
  readonly isNextApp: boolean;
  /** The next.config file, and whether it calls `withTracing`. */
  readonly config?: { readonly path: string; readonly hasTracing: boolean };
  /** The instrumentation files there are, and which one Next.js reads. */
  readonly instrumentation: readonly {
    readonly path: string;
    readonly isRead: boolean;
    readonly registers: boolean;
  }[];
  /** Where Next.js looks for instrumentation. */
  readonly place: string;
}

const CONFIGS = ["ts", "mts", "js", "mjs"].map((ending) => `next.config.${ending}`);
/** Where it is read, and where it is put by mistake. */
const INSTRUMENTATION = ["", "src/", "app/", "src/app/", "pages/", "src/pages/"].flatMap((folder) =>
  ["ts", "tsx", "js", "jsx", "mjs"].map((ending) => `${folder}instrumentation.${ending}`),
);

/** Reads the files that decide whether Next.js starts the tracing. */
export function lookAtFolder(folder: string): FolderLook {
  const config = CONFIGS.find((name) => existsSync(join(folder, name)));
  // Next.js takes the folder in which it has found `app` or `pages`, the root before `src`.
  const isInRoot = ["app", "pages"].some((name) => existsSync(join(folder, name)));
  const isInSource = !isInRoot && ["app", "pages"].some((name) => existsSync(join(folder, "src", name)));
  return {
    isNextApp: config !== undefined,
    ...(config && { config: { path: config, hasTracing: holds(join(folder, config), /\bwithTracing\b/) } }),
    instrumentation: INSTRUMENTATION.filter((path) => existsSync(join(folder, path))).map((path) => ({
      path,
      // Next.js knows no other endings, unless pageExtensions names them.
      isRead: dirname(path) === (isInSource ? "src" : ".") && !path.endsWith(".mjs"),
      registers: holds(join(folder, path), /\bregister\b/),
    })),
    place: isInSource ? "src/instrumentation.ts" : "instrumentation.ts",
  };
}

function holds(path: string, pattern: RegExp): boolean {
  try {
    return pattern.test(readFileSync(path, "utf8"));
  } catch {
    return false;
  }
}
