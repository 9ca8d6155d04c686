import { isAbsolute, join, relative, sep } from "node:path";
import type { NextConfig } from "next";
import { hostFiles } from "./host-files.ts";
import { folderOf } from "./libraries/installed.ts";
import { turbopackFlag } from "./settings.ts";

// Native async functions lose the browser's context at each await; lowered ones keep it. Client code only.
const LOWERED = ["transform-async-to-generator", "transform-async-generator-functions"];

/**
 * Helpers of SWC, and the module of `@throughline/web` for each. Theirs leave it to the engine to call the `then` of what
 * is no promise, outside of every context, end a `finally` at its first `await` when an async generator is left early,
 * and lose what is thrown into `yield*` of a synchronous iterator.
 */
const HELPERS = {
  _async_to_generator: "swc-async",
  _async_generator_delegate: "swc-yield-star",
  _async_iterator: "swc-iterator",
  _await_async_generator: "swc-await",
  _wrap_async_generator: "swc-generator",
};

type Aliases = Readonly<Record<string, string>>;

/** Has Next.js compile the async code of the app in `folder` to promises, which behave as the code would. */
export function lowered(config: NextConfig, folder: string): NextConfig {
  const swc = config.experimental?.swcEnvOptions;
  const experimental = {
    ...config.experimental,
    swcEnvOptions: { ...swc, include: [...new Set([...(swc?.include ?? []), ...LOWERED])] },
  };
  const helpers = helperFiles(folder);
  if (!helpers) return { experimental };
  const turbopack = turbopackFlag();
  if (!turbopack) return forWebpack({ ...config, experimental }, helpers);
  // Next.js refuses to drop a `webpack` that has no `turbopack` beside it; ours would have it dropped unseen.
  if (turbopack === "auto" && config.webpack && !config.turbopack) return { experimental };
  const aliases = relativeTo(folder, helpers);
  if (!aliases) return { experimental };
  const resolveAlias = { ...aliases, ...config.turbopack?.resolveAlias };
  return { experimental, turbopack: { ...config.turbopack, resolveAlias } };
}

function helperFiles(folder: string): Aliases | undefined {
  const web = folderOf("@throughline/web", folder);
  if (web === undefined) return undefined;
  const files = Object.entries(HELPERS).map(([helper, name]) => [
    `@swc/helpers/_/${helper}`,
    join(web, "dist/lowered", `${name}.js`),
  ]);
  return files.every(([, file]) => hostFiles().existsSync(String(file)))
    ? Object.fromEntries(files)
    : undefined;
}

/**
 * Turbopack takes no absolute paths, and those that begin with a dot from the folder of next.config. Not for code of the
 * server: packages come with these helpers too.
 */
function relativeTo(folder: string, files: Aliases): Record<string, { browser: string }> | undefined {
  const from = hostFiles().realpathSync(folder);
  const paths = Object.entries(files).map(([name, file]) => [name, relative(from, file)] as const);
  // On another drive there is no way from one to the other.
  if (paths.some(([, path]) => isAbsolute(path))) return undefined;
  return Object.fromEntries(
    paths.map(([name, path]) => [name, { browser: `./${path.replaceAll(sep, "/")}` }]),
  );
}

interface WebpackConfig {
  readonly resolve: { alias: Readonly<Record<string, unknown>> };
}

function forWebpack(config: NextConfig, files: Aliases): NextConfig {
  const exact = Object.entries(files).map(([name, file]) => [`${name}$`, file]);
  return {
    experimental: {
      ...config.experimental,
      // A `webpack` in the config would have Next.js build in its own process.
      ...(!config.webpack && { webpackBuildWorker: config.experimental?.webpackBuildWorker ?? true }),
    },
    webpack(given: WebpackConfig, context) {
      // Before those of Next.js, which end with all of `@swc/helpers/_`.
      if (!context.isServer) given.resolve.alias = { ...Object.fromEntries(exact), ...given.resolve.alias };
      return config.webpack ? config.webpack(given, context) : given;
    },
  };
}
