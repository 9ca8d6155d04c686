import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { throughline } from "@throughline/web/vite";
import { build, createServer } from "vite";

const viteApp = fileURLToPath(new URL("../../vite/", import.meta.url));
const programs = fileURLToPath(new URL("fixtures/context-app/native-async/generators.js", import.meta.url));
const NATIVE = /\basync\s*(?:\*|\(|function\b|\w+\s*=>)/;

let root = "";

test.beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "throughline-vite-"));
});

test.afterEach(() => rm(root, { recursive: true }));

test("the source map of a lowered function leads to its line", async () => {
  const result = await build({ root: viteApp, logLevel: "silent", build: { write: false } });
  const [chunk] = outputOf(result).filter((file) => file.type === "chunk");
  if (!chunk?.map) throw new Error("the build of the app has no source map");
  expect(chunk.code).not.toMatch(NATIVE);

  const map = new SourceMap({ ...chunk.map, file: chunk.fileName, sourceRoot: "", sourcesContent: [] });
  const source = await readFile(join(viteApp, "src/order.ts"), "utf8");
  for (const text of ["/api/orders", "/api/receipts"]) {
    const { line, column } = positionOf(chunk.code, text);
    expect(map.findEntry(line, column)).toMatchObject({
      originalSource: expect.stringMatching(/src\/order\.ts$/),
      originalLine: positionOf(source, text).line,
    });
  }
});

test("lowered async functions and generators do what native ones do", async ({ page }) => {
  await copyFile(programs, join(root, "main.js"));
  const lowered = await bundle(throughline());
  expect(lowered).not.toMatch(NATIVE);
  const native = await bundle();
  expect(native).toMatch(NATIVE);
  const logs = await runPrograms(page, native);
  expect(Object.keys(logs).length).toBeGreaterThan(40);
  expect(await runPrograms(page, lowered)).toEqual(logs);
});

test("a package is lowered when it is named, and left alone when it is not", async () => {
  await writePackage();
  expect(await bundle(throughline())).toMatch(NATIVE);
  expect(await bundle(throughline({ include: ["@acme/api"] }))).not.toMatch(NATIVE);
  expect(await bundle(throughline({ include: ["@acme/ap"] }))).toMatch(NATIVE);
});

test("in dev a named package is lowered where Vite bundles it ahead", async () => {
  await writePackage();
  expect(await servedPackage(throughline())).toMatch(NATIVE);
  expect(await servedPackage(throughline({ include: ["@acme/api"] }))).not.toMatch(NATIVE);
});

test("code for the server stays native", async () => {
  await writeFile(join(root, "main.js"), "export const f = async () => fetch('/');");
  expect(await bundle(throughline())).not.toMatch(NATIVE);
  expect(await bundle(throughline(), { ssr: true })).toMatch(NATIVE);
});

test("a module that awaits at top level still builds, and the plugin says what it costs", async () => {
  await writeFile(join(root, "main.js"), "const f = async () => fetch('/'); await f();");
  const told: string[] = [];
  expect(await bundle(throughline(), { onWarning: (message) => told.push(message) })).toMatch(/\bawait\b/);
  expect(told.join()).toMatch(/main\.js was not compiled to promises.*top level/s);
});

test("what is no package name is refused with its cure", () => {
  expect(() => throughline({ include: ["./lib"] })).toThrow(
    /include: "\.\/lib" is not the name of a package/,
  );
});

/** An app of one line, and a package it calls. */
async function writePackage(): Promise<void> {
  const folder = join(root, "node_modules/@acme/api");
  await mkdir(folder, { recursive: true });
  await Promise.all([
    writeFile(join(root, "main.js"), 'import { get } from "@acme/api"; get();'),
    writeFile(join(folder, "package.json"), '{"name":"@acme/api","type":"module","main":"index.js"}'),
    writeFile(join(folder, "index.js"), "export async function get() { await fetch('/'); }"),
  ]);
}

interface BundleOptions {
  readonly ssr?: boolean;
  readonly onWarning?: (message: string) => void;
}

/** What each program of this bundle did, in the browser. */
async function runPrograms(page: Page, code: string): Promise<Readonly<Record<string, readonly string[]>>> {
  return page.evaluate(
    async (url) => {
      const { PROGRAMS, run } = await import(url);
      const logs: Record<string, readonly string[]> = {};
      for (const [name, program] of Object.entries(PROGRAMS)) logs[name] = await run(program);
      return logs;
    },
    `data:text/javascript,${encodeURIComponent(code)}`,
  );
}

async function bundle(plugin?: ReturnType<typeof throughline>, options: BundleOptions = {}): Promise<string> {
  const result = await build({
    root,
    configFile: false,
    logLevel: "silent",
    plugins: plugin ? [plugin] : [],
    build: {
      write: false,
      minify: false,
      modulePreload: false,
      ssr: options.ssr ?? false,
      rolldownOptions: {
        input: join(root, "main.js"),
        preserveEntrySignatures: "strict",
        onLog: (_, { message }) => options.onWarning?.(message),
      },
    },
  });
  return outputOf(result)
    .map((file) => (file.type === "chunk" ? file.code : ""))
    .join("\n");
}

function outputOf(result: Awaited<ReturnType<typeof build>>) {
  const [output] = Array.isArray(result) ? result : [result];
  if (!output || !("output" in output)) throw new Error("vite build returned no output");
  return output.output;
}

/** The package as the dev server hands it to the browser. */
async function servedPackage(plugin: ReturnType<typeof throughline>): Promise<string> {
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "silent",
    plugins: [plugin],
    optimizeDeps: { include: ["@acme/api"], force: true },
    server: { port: 0, host: "127.0.0.1" },
  });
  try {
    await server.listen();
    const url = server.resolvedUrls?.local[0] ?? "";
    const main = await (await fetch(new URL("main.js", url))).text();
    const path = /from "([^"]*acme_api[^"]*)"/.exec(main)?.[1];
    if (!path) throw new Error(`the package was not bundled ahead: ${main}`);
    return await (await fetch(new URL(path, url))).text();
  } finally {
    await server.close();
  }
}

function positionOf(text: string, part: string): { readonly line: number; readonly column: number } {
  const before = text.slice(0, text.indexOf(part)).split("\n");
  return { line: before.length - 1, column: before.at(-1)?.length ?? 0 };
}
