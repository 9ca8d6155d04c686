import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
// biome-ignore lint/correctness/noUndeclaredDependencies: the root package brings one esbuild for every room
import { build } from "esbuild";

const external = ["@opentelemetry/api", "@throughline/core", "next"];

// Starts programs and reads files for a resource detector that nobody calls; Turbopack would trace the whole project
// for it. Ours is in src/resource/detect.ts.
const MACHINE_ID = /getMachineId(-\w+)?(\.js)?$/;

/**
 * CommonJS modules inside the bundle get the api by the same import as ours: a bundler around us would give
 * `require` another copy, and spans of one copy do not exist for the other.
 * @type {import("esbuild").Plugin}
 */
const oneApi = {
  name: "one-api",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@opentelemetry\/api$/ }, ({ path, kind }) =>
      kind === "require-call" ? { path, namespace: "one-api" } : { path, external: true },
    );
    onLoad({ filter: /.*/, namespace: "one-api" }, () => ({
      contents: 'export * from "@opentelemetry/api";',
      resolveDir: process.cwd(),
    }));
  },
};

/**
 * Names of attributes, which are constants, become our own: Turbopack reads what comes from another module through a
 * getter, and a request reads a hundred of them.
 * @type {import("esbuild").Plugin}
 */
const ownConstants = {
  name: "own-constants",
  setup({ onResolve }) {
    onResolve({ filter: /^@throughline\/core\/attributes$/ }, ({ path }) => ({
      path: fileURLToPath(import.meta.resolve(path)),
    }));
  },
};

/** @type {import("esbuild").Plugin} */
const leaveOut = {
  name: "leave-out",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: MACHINE_ID }, ({ path }) => ({ path, namespace: "left-out" }));
    onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "module.exports = {};" }));
  },
};

const outdir = process.argv[2] ?? "dist";
rmSync(`${outdir}/chunks`, { recursive: true, force: true });

await build({
  entryPoints: {
    ...Object.fromEntries(
      ["index", "node", "ingest", "next-config", "jobs", "bullmq", "logs"].map((name) => [
        name,
        `src/${name}.ts`,
      ]),
    ),
    cli: "src/doctor/cli.ts",
  },
  outdir,
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  external,
  // The ES builds first, so that ingest does not carry what only the SDK needs.
  mainFields: ["module", "main"],
  minifySyntax: true,
  plugins: [oneApi, ownConstants, leaveOut],
  // The SDK holds CommonJS modules that call require() for what Node brings along. A bundler that reads `createRequire`
  // would look for those calls and find none (webpack), and one that writes CommonJS has no `import.meta` (esbuild).
  banner: {
    js: 'import moduleOfThroughline from "node:module"; const require = Reflect.get(moduleOfThroughline, "createRequire")(import.meta.url || __filename);',
  },
});

await build({
  entryPoints: {
    "index.edge": "src/index.edge.ts",
    "jobs.edge": "src/jobs.ts",
    "logs.edge": "src/logs.edge.ts",
  },
  outdir,
  bundle: true,
  platform: "neutral",
  format: "esm",
  target: "es2022",
  external,
});
