// Bundles the SDK into dist: users install one peer, @opentelemetry/api. Types come from tsc.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
// biome-ignore lint/correctness/noUndeclaredDependencies: a tool of the workspace
import { build } from "esbuild";

const require = createRequire(import.meta.url);
const sdk = join(dirname(require.resolve("@opentelemetry/sdk-trace/package.json")), "build/esm");

// What the SDK brings for servers: settings from the environment, resource detectors, several processors with
// timeouts, metrics of itself, printing for Node's inspector. Each is cut at its module; the tracer, the span
// and the id generator are the SDK's own.
const modules = {
  "@opentelemetry/sdk-trace-base": `
    import { RandomIdGenerator } from "@opentelemetry/sdk-trace";
    import { Tracer } from "${sdk}/Tracer.js";
    export { SamplingDecision } from "@opentelemetry/api";
    export { RandomIdGenerator } from "@opentelemetry/sdk-trace";
    export class BasicTracerProvider {
      constructor({ resource, sampler, spanProcessors: [spanProcessor] }) {
        const limit = 128;
        this.options = {
          resource, sampler, spanProcessor, idGenerator: new RandomIdGenerator(), meterProvider: { getMeter() {} },
          spanLimits: {
            attributeCountLimit: limit, attributeValueLengthLimit: Infinity, eventCountLimit: limit,
            linkCountLimit: limit, attributePerEventCountLimit: limit, attributePerLinkCountLimit: limit,
          },
        };
      }
      getTracer(name, version, { schemaUrl } = {}) {
        return new Tracer({ name, version, schemaUrl }, this.options);
      }
    }`,
  "./TracerMetrics": "export class TracerMetrics { startSpan() { return undefined; } }",
  "./inspect": "export const inspectCustom = 0, formatInspect = 0, settledResourceAttributes = 0;",
};

const cut = {
  name: "cut-what-only-servers-need",
  setup(plugins) {
    plugins.onResolve(
      { filter: /^(@opentelemetry\/sdk-trace-base|\.\/(TracerMetrics|inspect))$/ },
      ({ path }) => ({
        path,
        namespace: "cut",
        sideEffects: false,
      }),
    );
    plugins.onLoad({ filter: /sdk-trace\/build\/esm\/(Span|Tracer)\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const contents = text.replace(/^ {4}\[inspectCustom\]\([\s\S]*?^ {4}\}\n/m, "");
      if (contents === text)
        throw new Error(`build: ${path} has no inspector method any more; update this cut`);
      return { contents };
    });
    plugins.onLoad({ filter: /./, namespace: "cut" }, ({ path }) => ({
      contents: modules[path],
      resolveDir: import.meta.dirname,
    }));
  },
};

// The names of chunks change with their content.
const dist = join(import.meta.dirname, "dist");
for (const name of readdirSync(dist)) if (name.endsWith(".js")) rmSync(join(dist, name));

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
  // The private fields of the SDK; nothing outside this bundle sees them.
  mangleProps: /^_[a-z]/,
  external: ["@opentelemetry/api", "@throughline/core"],
  plugins: [cut],
  logLevel: "warning",
});
