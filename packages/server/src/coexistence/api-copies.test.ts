import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const API = fileURLToPath(new URL("../../../../node_modules/@opentelemetry/api", import.meta.url));
const SERVER = fileURLToPath(new URL("../../", import.meta.url));

let app: string;

beforeEach(() => {
  app = realpathSync(mkdtempSync(join(tmpdir(), "throughline-copies-")));
  mkdirSync(join(app, "node_modules/@opentelemetry"), { recursive: true });
  mkdirSync(join(app, "node_modules/@throughline"));
  cpSync(API, join(app, "node_modules/@opentelemetry/api"), { recursive: true });
  symlinkSync(SERVER, join(app, "node_modules/@throughline/server"));
  write("node_modules/nested-lib/package.json", { name: "nested-lib", version: "1.0.0", main: "index.cjs" });
  write(
    "node_modules/nested-lib/index.cjs",
    `exports.work = () => require("@opentelemetry/api").trace.getTracer("nested").startSpan("nested work").isRecording();`,
  );
  write(
    "main.mjs",
    `import { startTracing } from "@throughline/server/node";
const { stop } = await startTracing();
const { work } = (await import("nested-lib")).default;
process.stdout.write("recording: " + work() + "\\n");
await stop();`,
  );
});

afterEach(() => rmSync(app, { recursive: true, force: true }));

function write(path: string, content: string | object): void {
  mkdirSync(dirname(join(app, path)), { recursive: true });
  writeFileSync(join(app, path), typeof content === "string" ? content : JSON.stringify(content));
}

/** The api as it would be in a release with this version: that is what its copies compare. */
function nestApi(version: string): string {
  const folder = join(app, "node_modules/nested-lib/node_modules/@opentelemetry/api");
  cpSync(API, folder, { recursive: true });
  const from = (JSON.parse(readFileSync(join(API, "package.json"), "utf8")) as { version: string }).version;
  for (const file of ["package.json", ...versionFiles(folder)]) {
    const path = join(folder, file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(from, version));
  }
  return folder;
}

function versionFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith("version.js"));
}

function boot(): string {
  const { stdout, stderr } = spawnSync(process.execPath, ["main.mjs"], {
    cwd: app,
    encoding: "utf8",
    env: { ...process.env, OTEL_ENABLED: "true", OTEL_TRACES_EXPORTER: "none" },
  });
  return stdout + stderr;
}

test("a newer copy below a dependency is told with both places and the cure, and the cure helps", () => {
  write("package.json", { name: "shop", dependencies: { "@opentelemetry/api": "1.9.1", "nested-lib": "1" } });
  const nested = nestApi("1.10.0");
  const said = boot();
  expect(said).toContain("recording: false");
  expect(said).toContain("two versions of @opentelemetry/api: 1.9.1 is registered");
  expect(said).toContain(join(app, "node_modules/@opentelemetry/api"));
  expect(said).toContain(`nested-lib has 1.10.0 (${nested})`);
  expect(said).toContain(`"overrides": { "@opentelemetry/api": "$@opentelemetry/api" }`);
  // What npm makes of that override.
  rmSync(nested, { recursive: true });
  const cured = boot();
  expect(cured).toContain("recording: true");
  expect(cured).not.toContain("two versions");
});

test("an older copy reads what is registered, and is not told", () => {
  write("package.json", { name: "shop", dependencies: { "nested-lib": "1" } });
  nestApi("1.8.0");
  const said = boot();
  expect(said).toContain("recording: true");
  expect(said).not.toContain("two versions");
});

test("an app that does not name the api itself gets the version in the cure", () => {
  write("package.json", { name: "shop", dependencies: { "nested-lib": "1" } });
  nestApi("1.10.0");
  expect(boot()).toContain(`"overrides": { "@opentelemetry/api": "1.9.1" }`);
});
