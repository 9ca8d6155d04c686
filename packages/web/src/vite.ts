import { type TransformResult, transform } from "esbuild";
import { mendEsbuild } from "./lowered/mend-esbuild.ts";

export interface ViteTracingOptions {
  /** Packages of node_modules whose async functions keep the current span too: `["swr", "@acme/api"]`. */
  readonly include?: readonly string[] | undefined;
}

interface Warner {
  readonly warn: (message: string) => void;
}

interface Lowered {
  readonly code: string;
  readonly map: string;
}

interface Lowering {
  filter: { id: RegExp[]; code: RegExp };
  handler(this: Warner, code: string, id: string): Promise<Lowered | undefined>;
}

/** A plugin as Vite takes it; spelled out, because Vite's own types bring those of Node into every browser file. */
export interface ViteTracingPlugin {
  name: string;
  enforce: "post";
  applyToEnvironment(environment: { readonly config: { readonly consumer: "client" | "server" } }): boolean;
  config(): {
    optimizeDeps: { rolldownOptions: { plugins: { name: string; transform: Lowering }[] } };
  };
  transform: Lowering;
}

const SCRIPT = /\.(?:[cm]?[jt]sx?|vue|svelte|astro|mdx)(?:$|\?)/;
const APP_SCRIPT = /^(?!\0)(?!.*[\\/]node_modules[\\/]).*\.(?:[cm]?[jt]sx?|vue|svelte|astro|mdx)(?:$|\?)/;

/**
 * Has Vite compile the async functions of browser code to promises, in builds and in dev: a native `await`
 * loses the current span. Nothing else of the code changes, server environments stay native.
 * @throws Error on a package that is no name.
 */
export function throughline(options: ViteTracingOptions = {}): ViteTracingPlugin {
  const { include = [] } = options;
  const packages = include.map(packagePattern);
  // Vite bundles them anew when a name has changed, and looks at nothing else of a plugin.
  const ahead = `throughline:async:${include.join()}`;
  return {
    name: "throughline:async",
    // After TypeScript and JSX are JavaScript, and after what other plugins write.
    enforce: "post",
    applyToEnvironment: ({ config }) => config.consumer === "client",
    // In dev, packages are bundled ahead, away from the plugins of the app.
    config: () => ({
      optimizeDeps: {
        rolldownOptions: {
          plugins: packages.length > 0 ? [{ name: ahead, transform: lowering(packages) }] : [],
        },
      },
    }),
    transform: lowering([APP_SCRIPT, ...packages]),
  };
}

function lowering(id: RegExp[]): Lowering {
  return {
    filter: { id, code: /\basync\b/ },
    async handler(code, file) {
      try {
        return await lowerAsync(code, file);
      } catch (error) {
        this.warn(explain(error, file));
        return undefined;
      }
    },
  };
}

async function lowerAsync(code: string, file: string): Promise<Lowered> {
  const result: TransformResult = await transform(code, {
    loader: "js",
    // Only this: https://esbuild.github.io/api/#supported
    target: "esnext",
    supported: { "async-await": false, "async-generator": false, "for-await": false },
    charset: "utf8",
    sourcemap: true,
    sourcefile: file,
  });
  return { code: await mendEsbuild(result.code), map: result.map };
}

function explain(error: unknown, file: string): string {
  const text = error instanceof Error ? error.message : String(error);
  const cure = /top-level await/i.test(text)
    ? "Its async functions stay native, because it awaits at top level; move them to a module that does not"
    : `Its async functions stay native: ${text}`;
  return `@throughline/web/vite: ${file} was not compiled to promises. ${cure}, or bind what they start with withSpan.`;
}

const PACKAGE = /^(?:@[\w.~-]+\/)?[\w.~-]+$/;

function packagePattern(name: string): RegExp {
  if (!PACKAGE.test(name)) {
    throw new Error(
      `@throughline/web/vite: include: ${JSON.stringify(name)} is not the name of a package; write it as in package.json, such as "@acme/api"`,
    );
  }
  const path = name.replaceAll(".", "\\.").replace("/", "[\\\\/]");
  return new RegExp(`[\\\\/]node_modules[\\\\/]${path}[\\\\/].*${SCRIPT.source}`);
}
