import { rmSync } from "node:fs";
// biome-ignore lint/correctness/noUndeclaredDependencies: the root package brings one esbuild for every room
import { build } from "esbuild";

const external = ["@opentelemetry/api", "@throughline/core", "@throughline/core/*", "next"];

for (const name of ["index.js", "index.edge.js", "node.js", "ingest.js", "next-config.js"]) {
  rmSync(`dist/${name}`, { force: true });
}
rmSync("dist/chunks", { recursive: true, force: true });

await build({
  entryPoints: ["index", "node", "ingest", "next-config"].map((name) => `src/${name}.ts`),
  outdir: "dist",
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  external,
  minifySyntax: true,
  // The SDK holds CommonJS modules that call require() for what Node brings along.
  banner: {
    js: 'import { createRequire as createRequireOfThroughline } from "node:module"; const require = createRequireOfThroughline(import.meta.url);',
  },
});

await build({
  entryPoints: ["src/index.edge.ts"],
  outdir: "dist",
  bundle: true,
  platform: "neutral",
  format: "esm",
  target: "es2022",
  external,
});
