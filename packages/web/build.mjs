// Bundles the SDK into dist: users install one peer, @opentelemetry/api. Types come from tsc.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
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

const base = { absWorkingDir: import.meta.dirname, bundle: true, target: "es2022", logLevel: "warning" };
const browser = {
  ...base,
  platform: "browser",
  // The private fields of the SDK; nothing outside this bundle sees them.
  mangleProps: /^_[a-z]/,
  plugins: [cut],
};

await build({
  ...browser,
  entryPoints: { index: "src/index.ts", next: "src/next.ts" },
  outdir: "dist",
  splitting: true,
  format: "esm",
  minifySyntax: true,
  external: ["@opentelemetry/api", "@throughline/core"],
});

// For pages without a bundler: everything in one file, whose hash goes into `integrity`.
const script = join(dist, "throughline.iife.js");
await build({
  ...browser,
  entryPoints: ["src/script.ts"],
  outfile: script,
  format: "iife",
  globalName: "Throughline",
  minify: true,
});
const integrity = `sha384-${createHash("sha384").update(readFileSync(script)).digest("base64")}`;
writeFileSync(join(dist, "throughline.iife.sri"), `${integrity}\n`);
process.stdout.write(`throughline.iife.js ${integrity}\n`);

// Runs in the user's Vite, not in a page.
await build({
  ...base,
  entryPoints: { vite: "src/vite.ts" },
  outdir: "dist",
  format: "esm",
  platform: "neutral",
  external: ["esbuild"],
});
