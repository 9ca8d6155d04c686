// Bundles into dist what users would have to install besides @opentelemetry/api. Types come from tsc.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import * as attributes from "@throughline/core/attributes";
import { build } from "esbuild";

const ENUMS = { SpanKind, SpanStatusCode, TraceFlags };
const ATTRIBUTES = new Map(Object.entries(attributes).filter(([, value]) => typeof value === "string"));
const IMPORTED_ATTRIBUTES = /^import \{([^}]*)\} from "@throughline\/core\/attributes";/m;
const ENUM = "(SpanKind|SpanStatusCode|TraceFlags)\\.([A-Z_]+)";
// Texts, numbers and products of numbers.
const OWN_CONSTANT = /^const ([A-Z][A-Z_]*) = ("[^"\n]*"|-?[\d_]+(?: \* [\d_]+)*);$/gm;

/**
 * The enums of the API, attribute names and a module's own constants, each as the value it is. Bundlers do not see
 * into the object or module that holds them, and esbuild looks only at constants that stand before all imports.
 */
function inlineConstants(text) {
  const values = new Map();
  for (const name of IMPORTED_ATTRIBUTES.exec(text)?.[1]?.split(/[\s,]+/) ?? [])
    if (ATTRIBUTES.has(name)) values.set(name, JSON.stringify(ATTRIBUTES.get(name)));
  const rest = text.replace(OWN_CONSTANT, (_, name, value) => {
    values.set(name, `(${value})`);
    return "";
  });
  const names = [ENUM, ...values.keys()].join("|");
  // An import keeps its names, of which esbuild drops those that nobody uses now.
  return rest.replace(new RegExp(`^import\\s[^;]*;|\\b(?:${names})\\b`, "gm"), (found, holder, member) =>
    holder ? String(ENUMS[holder][member]) : (values.get(found) ?? found),
  );
}

/**
 * Members that pass between modules of ours and nobody else sees, by shorter names: no bundler of an app may do that
 * (docs/decisions/0027-short-private-names.md). Not what the page holds for another copy of us, nor what an instrument of
 * the app's own is given.
 */
const PRIVATE = [
  "bindAsync",
  "cancelDeadline",
  "cancelWait",
  "claim",
  "commit",
  "createProvider",
  "deliver",
  "doneAt",
  "endsWithRouter",
  "engine",
  "forget",
  "headersAt",
  "hurry",
  "ignored",
  "inherited",
  "isBusy",
  "isFragment",
  "isGivenUp",
  "isLate",
  "lastEnd",
  "latest",
  "mayInject",
  "mayTry",
  "newTraceId",
  "pageState",
  "readers",
  "receive",
  "recheck",
  "settled",
  "started",
  "startedAt",
  "tellLoss",
  "tellRoute",
  "traceFetch",
  "transport",
  "untracedFetch",
  "usedAt",
  "waiting",
  "wake",
];
const short = {
  mangleProps: new RegExp(`^(?:${PRIVATE.join("|")})$`),
  // One list for all builds: what one makes another may be given.
  mangleCache: Object.fromEntries(PRIVATE.map((name, index) => [name, `_${index.toString(36)}`])),
};

function entriesOf(...names) {
  return Object.fromEntries(names.map((name) => [name, `src/${name}.ts`]));
}

/** What an entry imports when it needs it, and what is built elsewhere. */
const LATER = { "start-whole": "lazy-whole" };
const later = {
  name: "later",
  setup(plugins) {
    plugins.onResolve({ filter: /(?:-whole|-alone)\.ts$/ }, ({ path, kind }) => {
      const [name = ""] = path.split("/").at(-1)?.split(".") ?? [];
      return kind === "dynamic-import" ? { path: `./${LATER[name] ?? name}.js`, external: true } : undefined;
    });
  },
};

const api = {
  name: "small-api",
  setup(plugins) {
    // Or a bare `import` would be left where only enums were imported, and bundlers warn of it.
    plugins.onResolve({ filter: /^@opentelemetry\/api$/ }, ({ path }) =>
      plugins.initialOptions.external?.includes(path)
        ? { path, external: true, sideEffects: false }
        : undefined,
    );
    plugins.onLoad({ filter: /web\/src\/[\w/-]+\.ts$/ }, ({ path }) => ({
      contents: inlineConstants(readFileSync(path, "utf8")),
      loader: "ts",
    }));
  },
};

/** @throws where one of them is left in this code: written as a text, or read by a package that is not built here. */
function refusePrivate(file) {
  // Three dots before one are before a variable.
  const named = new RegExp(`(?:(?<!\\.)\\.|["'])(${PRIVATE.join("|")})\\b`);
  const left = named.exec(readFileSync(file, "utf8"))?.[1];
  if (left) throw new Error(`${file} names "${left}", which build.mjs shortens; take it off PRIVATE`);
}

// The names of chunks change with their content.
const dist = join(import.meta.dirname, "dist");
for (const name of readdirSync(dist)) if (name.endsWith(".js")) rmSync(join(dist, name));

const base = {
  absWorkingDir: import.meta.dirname,
  bundle: true,
  target: "es2022",
  logLevel: "warning",
};
const browser = {
  ...base,
  ...short,
  platform: "browser",
  plugins: [api],
};

await build({
  ...browser,
  entryPoints: {
    ...entriesOf("index", "next", "next-await-hook", "react", "next-whole"),
    "lazy-whole": "src/lazy/start-whole.ts",
  },
  outdir: "dist",
  splitting: true,
  format: "esm",
  minifySyntax: true,
  external: ["@opentelemetry/api", "@throughline/core", "react"],
});

await build({
  ...browser,
  entryPoints: entriesOf("xhr-alone"),
  outdir: "dist",
  format: "esm",
  minifySyntax: true,
  external: ["@opentelemetry/api", "@throughline/core"],
});

// The stub, whole in one file: a module that it shared with the rest would bring all that the rest needs of it. And what
// only loads something.
await build({
  ...browser,
  plugins: [api, later],
  entryPoints: entriesOf("lazy", "next-lazy", "next-xhr"),
  outdir: "dist",
  format: "esm",
  minifySyntax: true,
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

for (const name of readdirSync(dist).filter((file) => file.endsWith(".js"))) refusePrivate(join(dist, name));
const core = dirname(fileURLToPath(import.meta.resolve("@throughline/core")));
for (const name of readdirSync(core).filter((file) => file.endsWith(".js"))) refusePrivate(join(core, name));

// OpenTelemetry's own parts as they are: nothing is cut, nothing renamed.
await build({
  ...base,
  entryPoints: entriesOf("classic", "next-classic"),
  outdir: "dist",
  splitting: true,
  format: "esm",
  platform: "browser",
  minifySyntax: true,
  external: ["@opentelemetry/api", "@throughline/core"],
});

// What Next.js's compiler is given in place of its own helpers (packages/server/src/next-config.ts).
await build({
  ...base,
  entryPoints: entriesOf(
    "lowered/swc-async",
    "lowered/swc-await",
    "lowered/swc-generator",
    "lowered/swc-iterator",
    "lowered/swc-yield-star",
  ),
  outdir: "dist",
  splitting: true,
  format: "esm",
  platform: "browser",
  minifySyntax: true,
});

// esbuild leaves a bare import where an entry needs a chunk only through another, or constants that it has written in
// place; bundlers warn of it.
for (const name of readdirSync(dist).filter((file) => file.endsWith(".js"))) {
  const file = join(dist, name);
  const text = readFileSync(file, "utf8");
  const clean = text.replace(/^import "(?:\.\/chunk-\w+\.js|@throughline\/core[\w/-]*)";\n/gm, "");
  if (clean !== text) writeFileSync(file, clean);
}

// Runs in the user's Vite, not in a page.
await build({
  ...base,
  entryPoints: { vite: "src/vite.ts" },
  outdir: "dist",
  format: "esm",
  platform: "neutral",
  external: ["esbuild"],
});
