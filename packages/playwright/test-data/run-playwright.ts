// Runs a spec in the real test runner, in a process of its own.
import { spawn } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromiumLaunchOptions } from "../../../scripts/chromium.mjs";

const CLI = createRequire(import.meta.url).resolve("@playwright/test/cli");

export interface Result {
  readonly status: string;
  readonly message: string;
  readonly attachments: readonly { readonly name: string; readonly path?: string }[];
}

// Just what is read of Playwright's JSON report.
interface JsonSuite {
  readonly suites?: readonly JsonSuite[];
  readonly specs: readonly {
    readonly title: string;
    readonly tests: readonly {
      readonly results: readonly {
        readonly status: string;
        readonly errors: readonly { readonly message: string }[];
        readonly attachments: Result["attachments"];
      }[];
    }[];
  }[];
}

interface JsonReport {
  readonly suites: readonly JsonSuite[];
  /** Of what broke outside a test. */
  readonly errors: readonly { readonly message: string }[];
}

/** What became of each test of these files by its title; they are written into a new folder of `parent`. */
export async function runPlaywright(
  parent: string,
  files: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, Result>> {
  const folder = await mkdtemp(join(parent, "run-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await writeFile(
    join(folder, "playwright.config.mjs"),
    `export default {
  testDir: ".", fullyParallel: true, workers: 2, timeout: 30_000, outputDir: "results",
  use: { launchOptions: ${JSON.stringify(chromiumLaunchOptions())} },
};`,
  );
  const output = await outputOf(folder, { ...env, FORCE_COLOR: "0", COLUMNS: "120" });
  const start = output.indexOf("{");
  if (start < 0) throw new Error(`playwright test printed no report: ${output || "nothing"}`);
  const report = JSON.parse(output.slice(start)) as JsonReport;
  if (report.errors[0]) throw new Error(report.errors[0].message);
  return new Map(report.suites.flatMap(resultsOf));
}

function outputOf(folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, "test", "-c", folder, "--reporter=json"], {
      cwd: folder,
      env,
    });
    let output = "";
    child.stdout.on("data", (part) => {
      output += part;
    });
    child.on("error", reject);
    child.on("close", () => resolve(output));
  });
}

function resultsOf(suite: JsonSuite): (readonly [string, Result])[] {
  const own = suite.specs.flatMap((spec) =>
    spec.tests.flatMap(({ results }) =>
      results.map(({ status, errors, attachments }) => {
        // As one line each, whatever the width.
        const message = errors
          .map((error) => error.message.replace(/(?<=\S)\n {0,14}(?=\S)/g, " "))
          .join("\n");
        return [spec.title, { status, message, attachments }] as const;
      }),
    ),
  );
  return [...own, ...(suite.suites ?? []).flatMap(resultsOf)];
}
