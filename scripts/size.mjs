// What a page pays: minified, gzip and brotli bytes of each entry with everything it pulls in (core, the API,
// the SDK). Exits 1 when an entry is over its budget. Build first: npm run build
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const web = fileURLToPath(new URL("../packages/web", import.meta.url));

const ENTRIES = [
  {
    name: "@throughline/web",
    code: 'import { startWebTracing } from "@throughline/web"; startWebTracing();',
    budgetGzip: 14_336,
  },
  {
    name: "@throughline/web, withSpan too",
    code: 'import { startWebTracing, withSpan } from "@throughline/web"; startWebTracing(); withSpan("x", () => 1);',
    budgetGzip: 14_848,
  },
  {
    name: "@throughline/web/next",
    code: 'import "@throughline/web/next";',
    budgetGzip: 14_464,
  },
];

/** Bundles as an app's bundler would. */
async function measure({ name, code, budgetGzip }) {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: web },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
  });
  const [{ contents }] = outputFiles;
  const gzip = gzipSync(contents, { level: 9 }).length;
  return { name, minified: contents.length, gzip, brotli: brotliCompressSync(contents).length, budgetGzip };
}

function printTable(rows) {
  const cells = rows.map(({ name, minified, gzip, brotli, budgetGzip }) => [
    name,
    ...[minified, gzip, brotli, budgetGzip].map((bytes) => bytes.toLocaleString("en")),
    gzip > budgetGzip ? "OVER" : "ok",
  ]);
  const table = [["entry", "min", "gzip", "brotli", "budget (gzip)", ""], ...cells];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    const [first, ...rest] = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    );
    console.log([first, ...rest].join("  ").trimEnd());
  }
}

if (!existsSync(`${web}/dist/index.js`)) {
  console.error("size: packages/web/dist is missing; run `npm run build` first");
  process.exit(1);
}
const rows = [];
for (const entry of ENTRIES) rows.push(await measure(entry));
printTable(rows);
if (rows.some(({ gzip, budgetGzip }) => gzip > budgetGzip)) process.exitCode = 1;
