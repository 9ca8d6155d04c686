import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { PlaywrightTestConfig } from "@playwright/test";
import { expect, onTestFinished, test, vi } from "vitest";
import { DEFAULT_COLLECTOR_URL } from "./settings.ts";

// What a user copies: nobody else runs it, for it takes fixed ports and a build of Next.js.
const root = fileURLToPath(new URL("../../../", import.meta.url));
const { resolve } = createRequire(import.meta.url);
const run = promisify(execFile);

/** The TypeScript blocks of a document that contain this text. */
async function blocksOf(document: string, text: string): Promise<readonly string[]> {
  const source = await readFile(join(root, document), "utf8");
  return [...source.matchAll(/^```ts\n(.*?)^```$/gms)]
    .flatMap(([, code]) => code ?? [])
    .filter((code) => code.includes(text));
}

/** A project of a user: its files, and what is installed here. */
async function projectOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "throughline-readme-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

test("the configuration and the tests of the READMEs are taken by Playwright and by the compiler", {
  timeout: 60_000,
}, async () => {
  const [config = ""] = await blocksOf("README.md", "defineConfig");
  const specs = [
    ...(await blocksOf("README.md", "@throughline/playwright")),
    ...(await blocksOf("packages/playwright/README.md", "test(")),
  ];
  expect(specs.length).toBeGreaterThanOrEqual(2);
  const folder = await projectOf({
    "playwright.config.ts": config,
    ...Object.fromEntries(specs.map((spec, index) => [`readme-${index}.spec.ts`, spec])),
  });

  const listing = run(process.execPath, [resolve("@playwright/test/cli"), "test", "--list"], { cwd: folder });
  const files = ["playwright.config.ts", ...specs.map((_, index) => `readme-${index}.spec.ts`)];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  // As in an app of Next.js; the tests of this repository are compiled by "nodenext".
  const flags = "--strict --noEmit --types node --target es2022 --module esnext --moduleResolution bundler";
  const compiling = run(process.execPath, [tsc, ...flags.split(" "), "--ignoreConfig", ...files], {
    cwd: folder,
  });
  const [{ stdout }, errors] = await Promise.all([
    listing,
    compiling.then(
      () => "",
      // What the compiler says, or why it could not be run.
      (error: Error & { readonly stdout: string }) => error.stdout || error.message,
    ),
  ]);
  expect(stdout).toContain(`Total: ${specs.length} tests in ${specs.length} files`);
  expect(errors).toBe("");
});

test("the README's collector is where the fixture looks for it, and its app is the page under test", async () => {
  vi.stubEnv("THROUGHLINE_FLUSH_TOKEN", undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  const [config = ""] = await blocksOf("README.md", "defineConfig");
  const folder = await projectOf({ "playwright.config.mjs": config });
  const { default: loaded } = (await import(pathToFileURL(join(folder, "playwright.config.mjs")).href)) as {
    readonly default: PlaywrightTestConfig;
  };
  const [collector, app] = [loaded.webServer].flat();
  expect(new URL(collector?.url ?? "").port).toBe(new URL(DEFAULT_COLLECTOR_URL).port);
  expect(app?.url).toBe(loaded.use?.baseURL);
  expect(app?.env).toMatchObject({ OTEL_ENABLED: "true", OTEL_TRACES_SAMPLER_ARG: "1" });
  expect(process.env.THROUGHLINE_FLUSH_TOKEN).toBeTruthy();
});
