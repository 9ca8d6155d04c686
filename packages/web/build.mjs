// Bundles the SDK into dist: users install one peer, @opentelemetry/api. Types come from tsc.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { SamplingDecision, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
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

// Printing for Node's inspector; `onEnding`, which our processor has not; hints on limits and misuse, which only an
// app that set a logger would hear; limits on lengths that this provider never sets.
const CUTS = {
  Span: [
    /^ {4}\[inspectCustom\]\([\s\S]*?^ {4}\}\n/m,
    /^ *diag\.(warn|debug)\(.*\);$/gm,
    /^ *if \(this\._dropped\w+ (>|===) 0\) \{\s*\}\n/gm,
    /^ *if \(!Object\.prototype\.hasOwnProperty\.call\(sanitized, attr\)\) \{\s*continue;\s*\}\n/gm,
    /^ *if \(this\._spanProcessor\.onEnding\) \{[\s\S]*?\}\n/m,
    /^ *const error = new Error\(.*\);$/m,
    /^ *if \(eventCountLimit === 0\) \{[\s\S]*?\}\n/m,
    /^ *if \(linkCountLimit === 0\) \{[\s\S]*?\}\n/m,
    /(?<= {4}_truncateToSize\(value\) \{\n)[\s\S]*?(?=^ *return value;\n {4}\}\n\})/m,
    /^ {4}_truncateToLimitUtil\([\s\S]*?^ {4}\}\n/m,
    /^ *this\._attributeValueLengthLimit =\n.*$/m,
  ],
  Tracer: [/^ {4}\[inspectCustom\]\([\s\S]*?^ {4}\}\n/m, /^ *api\.diag\.debug\(.*\);$/gm],
};

const ENUMS = { SpanKind, SpanStatusCode, SamplingDecision, TraceFlags };

/** The enums of the API as the numbers they are: bundlers cannot see into the objects that hold them. */
function inlineEnums(text) {
  return text.replace(
    /\b(?:api\.)?(SpanKind|SpanStatusCode|SamplingDecision|TraceFlags)\.([A-Z_]+)\b/g,
    (_, name, member) => String(ENUMS[name][member]),
  );
}

const cut = {
  name: "cut-what-only-servers-need",
  setup(plugins) {
    // Or a bare `import` would be left where only enums were imported, and bundlers warn of it.
    plugins.onResolve({ filter: /^@opentelemetry\/api$/ }, ({ path }) =>
      plugins.initialOptions.external?.includes(path)
        ? { path, external: true, sideEffects: false }
        : undefined,
    );
    plugins.onResolve(
      { filter: /^(@opentelemetry\/sdk-trace-base|\.\/(TracerMetrics|inspect))$/ },
      ({ path }) => ({
        path,
        namespace: "cut",
        sideEffects: false,
      }),
    );
    plugins.onLoad({ filter: /sdk-trace\/build\/esm\/(Span|Tracer)\.js$/ }, ({ path }) => {
      const cuts = CUTS[path.endsWith("Span.js") ? "Span" : "Tracer"];
      const contents = cuts.reduce(
        (rest, part) => {
          const shorter = rest.replace(part, "");
          if (shorter === rest)
            throw new Error(`build: ${path} has nothing like ${part} any more; update CUTS`);
          return shorter;
        },
        readFileSync(path, "utf8"),
      );
      return { contents: inlineEnums(contents) };
    });
    plugins.onLoad({ filter: /web\/src\/[\w/-]+\.ts$/ }, ({ path }) => ({
      contents: inlineEnums(readFileSync(path, "utf8")),
      loader: "ts",
    }));
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
  entryPoints: { index: "src/index.ts", next: "src/next.ts", react: "src/react.ts" },
  outdir: "dist",
  splitting: true,
  format: "esm",
  minifySyntax: true,
  external: ["@opentelemetry/api", "@throughline/core", "react"],
});

// esbuild leaves a bare import where an entry needs a chunk only through another; bundlers warn of it.
for (const name of readdirSync(dist).filter((file) => file.endsWith(".js"))) {
  const file = join(dist, name);
  const text = readFileSync(file, "utf8");
  const clean = text.replace(/^import "\.\/chunk-\w+\.js";\n/gm, "");
  if (clean !== text) writeFileSync(file, clean);
}

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

// OpenTelemetry's own parts as they are: nothing is cut, nothing renamed.
await build({
  ...base,
  entryPoints: { classic: "src/classic.ts" },
  outdir: "dist",
  format: "esm",
  platform: "browser",
  minifySyntax: true,
  external: ["@opentelemetry/api", "@throughline/core"],
});

// Runs in the user's Vite, not in a page.
await build({
  ...base,
  entryPoints: { vite: "src/vite.ts" },
  outdir: "dist",
  format: "esm",
  platform: "neutral",
  external: ["esbuild"],
});
