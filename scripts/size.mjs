// What a page pays: minified, gzip and brotli bytes of each entry with everything it pulls in (core, the API,
// the SDK), the gzip bytes of what it loads later, and what the demo's client build grew by. Exits 1 when an entry is
// over its budget. With `--entries` without the demo, in seconds, of packages that are built: for the gate.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { buildPackages, buildShop } from "./builds.mjs";

const web = fileURLToPath(new URL("../packages/web", import.meta.url));

const START = 'import { startWebTracing } from "@throughline/web';

/** The default preset with these instruments. */
function withInstruments(...names) {
  return `import { startWebTracing, ${names} } from "@throughline/web"; startWebTracing({ instruments: [${names.map((name) => `${name}()`)}] });`;
}

// Bytes gzip; an entry that grows past its budget had better lose something, or its budget be argued.
const ENTRIES = [
  {
    name: "@throughline/web/lazy, the stub",
    code: `${START}/lazy"; startWebTracing();`,
    budgetGzip: 3_072,
    budgetLater: 15_104,
  },
  {
    name: "@throughline/web/next/lazy, the stub",
    code: 'import "@throughline/web/next/lazy";',
    budgetGzip: 3_072,
    budgetLater: 27_392,
  },
  { name: "@throughline/web", code: `${START}"; startWebTracing();`, budgetGzip: 14_336 },
  {
    name: "@throughline/web, withSpan too",
    code: 'import { startWebTracing, withSpan } from "@throughline/web"; startWebTracing(); withSpan("x", () => 1);',
    budgetGzip: 14_656,
  },
  {
    name: "@throughline/web/next",
    code: 'import "@throughline/web/next";',
    budgetGzip: 20_480,
    budgetLater: 6_144,
  },
  {
    name: "@throughline/web/next/xhr",
    code: 'import "@throughline/web/next/xhr";',
    budgetGzip: 256,
    budgetLater: 5_120,
  },
  {
    name: "@throughline/web/next/await-hook",
    code: 'import "@throughline/web/next/await-hook";',
    budgetGzip: 21_376,
  },
  { name: "+ traceErrors", code: withInstruments("traceErrors"), budgetGzip: 15_360 },
  {
    name: "+ tracePageLoad, traceNavigation",
    code: withInstruments("tracePageLoad", "traceNavigation"),
    budgetGzip: 17_920,
  },
  { name: "+ traceWebVitals", code: withInstruments("traceWebVitals"), budgetGzip: 15_872 },
  {
    name: "+ those four and traceInteractions",
    code: withInstruments(
      "tracePageLoad",
      "traceNavigation",
      "traceInteractions",
      "traceErrors",
      "traceWebVitals",
    ),
    budgetGzip: 20_480,
  },
  ...["traceSession", "traceXhr", "traceResourceTiming", "traceOtherClicks", "offlineQueue"].map((name) => ({
    name: `+ ${name}`,
    code: withInstruments(name),
    budgetGzip: 15_616,
  })),
  {
    name: "@throughline/web/next/classic",
    code: 'import "@throughline/web/next/classic";',
    budgetGzip: 49_152,
  },
  { name: "@throughline/web/classic", code: `${START}/classic"; startWebTracing();`, budgetGzip: 39_936 },
];

/** Bundles as an app's bundler would; what is loaded later, by `import()`, is told apart. */
async function measure({ name, code, ...budgets }) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: web },
    bundle: true,
    minify: true,
    splitting: true,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    outdir: "out",
    write: false,
  });
  const entry = Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint === "<stdin>");
  const now = reachable(metafile, [entry], ["import-statement"]);
  const ever = reachable(metafile, [entry], ["import-statement", "dynamic-import"]);
  const contentsOf = (paths) =>
    outputFiles.filter(({ path }) => paths.has(relative(process.cwd(), path))).map((file) => file.contents);
  const laterGzip = sizeOf(contentsOf(new Set([...ever].filter((path) => !now.has(path))))).gzip;
  return { name, ...sizeOf(contentsOf(now)), ...budgets, laterGzip };
}

/** The files that these import, in ways of these kinds. */
function reachable(metafile, paths, kinds) {
  const found = new Set(paths);
  for (const path of found)
    for (const each of metafile.outputs[path].imports) if (kinds.includes(each.kind)) found.add(each.path);
  return found;
}

/** Every script of a `next build`, each compressed by itself as it travels. */
async function measureShop(name, distDir, env) {
  await buildShop({ env, distDir });
  const root = fileURLToPath(new URL(`../apps/demo/${distDir}/static`, import.meta.url));
  const files = readdirSync(root, { recursive: true }).filter((file) => file.endsWith(".js"));
  return { name, ...sizeOf(files.map((file) => readFileSync(join(root, file)))) };
}

function sizeOf(files) {
  const sum = (count) => files.reduce((total, file) => total + count(file), 0);
  return {
    minified: sum((file) => file.length),
    gzip: sum((file) => gzipSync(file, { level: 9 }).length),
    brotli: sum((file) => brotliCompressSync(file).length),
  };
}

function difference(name, a, b) {
  return { name, minified: a.minified - b.minified, gzip: a.gzip - b.gzip, brotli: a.brotli - b.brotli };
}

function isOver({ gzip, budgetGzip, laterGzip, budgetLater }) {
  return gzip > budgetGzip || laterGzip > budgetLater;
}

function printTable(rows) {
  const cells = rows.map((row) => [
    row.name,
    ...[row.minified, row.gzip, row.brotli, row.budgetGzip, row.laterGzip || undefined, row.budgetLater].map(
      (bytes) => bytes?.toLocaleString("en") ?? "",
    ),
    row.budgetGzip === undefined ? "" : isOver(row) ? "OVER" : "ok",
  ]);
  const table = [["entry", "min", "gzip", "brotli", "budget (gzip)", "later (gzip)", "budget", ""], ...cells];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    const [first, ...rest] = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    );
    console.log([first, ...rest].join("  ").trimEnd());
  }
}

const onlyEntries = process.argv.includes("--entries");
if (!onlyEntries) await buildPackages();
const rows = [];
for (const entry of ENTRIES) rows.push(await measure(entry));
const script = readFileSync(join(web, "dist/throughline.iife.js"));
rows.push({ name: "@throughline/web/script", ...sizeOf([script]), budgetGzip: 15_360 });
if (!onlyEntries) {
  const on = await measureShop("demo, OTEL_ENABLED=true", ".next", {
    OTEL_ENABLED: "true",
    OTEL_SERVICE_NAME: "shop",
    OTEL_TRACES_SAMPLER_ARG: "1",
  });
  const off = await measureShop("demo, tracing off", ".next-off", { OTEL_ENABLED: "" });
  rows.push(on, off, difference("demo client build grew by", on, off));
}
printTable(rows);
if (rows.some(isOver)) process.exitCode = 1;
