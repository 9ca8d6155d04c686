// Bundles the SDK into dist: users install one peer, @opentelemetry/api. Types come from tsc.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const require = createRequire(import.meta.url);
const sdk = join(dirname(require.resolve("@opentelemetry/sdk-trace/package.json")), "build/esm");
const resources = join(dirname(require.resolve("@opentelemetry/resources/package.json")), "build/esm");

// What the SDK brings for servers: settings from the environment, resource detectors, metrics of itself, and
// printing for Node's inspector. Each is cut at its module; nothing here reaches a page.
const modules = {
  "@opentelemetry/sdk-trace-base": `
    export { TracerProvider as BasicTracerProvider } from "${sdk}/TracerProvider.js";
    export { AlwaysOnSampler, ParentBasedSampler, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";`,
  "@opentelemetry/resources": `
    export { resourceFromAttributes, emptyResource as defaultResource } from "${resources}/ResourceImpl.js";`,
  "./TracerMetrics": "export class TracerMetrics { startSpan() { return undefined; } }",
  "./inspect": `
    export const inspectCustom = "inspect";
    export const formatInspect = () => "";
    export const settledResourceAttributes = () => ({});`,
};

const cut = {
  name: "cut-what-only-servers-need",
  setup(plugins) {
    plugins.onResolve(
      { filter: /^(@opentelemetry\/(sdk-trace-base|resources)|\.\/(TracerMetrics|inspect))$/ },
      ({ path }) => ({
        path,
        namespace: "cut",
        sideEffects: false,
      }),
    );
    plugins.onLoad({ filter: /./, namespace: "cut" }, ({ path }) => ({
      contents: modules[path],
      resolveDir: import.meta.dirname,
    }));
  },
};

await build({
  entryPoints: { index: "src/index.ts", next: "src/next.ts" },
  absWorkingDir: import.meta.dirname,
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  minifySyntax: true,
  external: ["@opentelemetry/api", "@throughline/core"],
  plugins: [cut],
  logLevel: "warning",
});
