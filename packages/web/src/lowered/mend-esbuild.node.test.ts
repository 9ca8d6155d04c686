import { type TransformOptions, transform } from "esbuild";
import { expect, test } from "vitest";
import { mendEsbuild } from "./mend-esbuild.ts";

const LOWERED: TransformOptions = {
  target: "esnext",
  supported: { "async-await": false, "async-generator": false, "for-await": false },
};

const SOURCE = `
export async function* outer(log) {
  try {
    for await (const value of [1]) yield value;
    yield* [Promise.resolve(2), 3];
  } finally {
    await null;
    log("cleaned");
  }
}`;

type Outer = (log: (line: string) => void) => AsyncGenerator<number, unknown>;

async function load(code: string): Promise<Outer> {
  const { outer } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return outer;
}

/** What is logged when the generator is left at its second value. */
async function leave(outer: Outer): Promise<readonly unknown[]> {
  const log: unknown[] = [];
  const generator = outer((line) => log.push(line));
  log.push(await generator.next(), await generator.next(), await generator.return(5));
  return log;
}

const AS_NATIVE = ["cleaned", { value: 1, done: false }, { value: 2, done: false }, { value: 5, done: true }];

test("the helpers of the installed esbuild are replaced, and no line moves", async () => {
  const { code } = await transform(SOURCE, LOWERED);
  const mended = await mendEsbuild(code);
  for (const helper of ["asyncGenerator", "yieldStar", "forAwait"]) {
    const lineOf = (text: string) => text.split("\n").find((line) => line.includes(`function __${helper}(`));
    expect(lineOf(code), helper).toBeUndefined();
    expect(lineOf(mended), helper).toBeDefined();
  }
  const module = (text: string) => {
    const lines = text.split("\n");
    const start = lines.findIndex((line) => line.startsWith("export"));
    return { start, lines: lines.slice(start) };
  };
  expect(module(mended)).toEqual(module(code));
  expect(await leave(await load(mended))).toEqual(AS_NATIVE);
});

test("helpers under other names, as beside an app's own of that name, are replaced too", async () => {
  const { code } = await transform(SOURCE, LOWERED);
  const renamed = code.replaceAll(/__(?:await|asyncGenerator|yieldStar|forAwait)\b/g, "$&2");
  expect(await leave(await load(await mendEsbuild(renamed)))).toEqual(AS_NATIVE);
});

test("helpers whose parameters esbuild calls otherwise, as beside an app's own of that name, are replaced too", async () => {
  const own =
    "export const generator = 1, promise = 2, isYieldStar = 3, obj = 4, it = 5, method = 6, value = 7;";
  const { code } = await transform(own + SOURCE, LOWERED);
  expect(code).toContain("generator2");
  const mended = await mendEsbuild(code);
  for (const helper of ["await", "asyncGenerator", "yieldStar", "forAwait"])
    expect(mended).toContain(`function __${helper}(`);
  expect(await leave(await load(mended))).toEqual(AS_NATIVE);
});

test("what is called before its module has run works as a native one does", async () => {
  const { code } = await transform(
    "export const early = f(); export async function f() { return await 1; }",
    LOWERED,
  );
  const at = code.indexOf("export const early");
  const mended = await mendEsbuild(code);
  // As if a module that this one imports had called it.
  const called =
    mended.slice(mended.indexOf("export const early")) +
    mended.slice(0, mended.indexOf("export const early"));
  expect(at).toBeGreaterThan(0);
  const { early } = await import(`data:text/javascript,${encodeURIComponent(called)}`);
  expect(await early).toBe(1);
});

test("helpers of a shape that esbuild does not write today stay, and work as before", async () => {
  const { code } = await transform(SOURCE, LOWERED);
  for (const [known, other] of [
    ["(promise, isYieldStar)", "(promise, isYieldStar, isNew)"],
    ["__yieldStar = (value)", "__yieldStar = (value, isNew)"],
    ["(__this, __arguments, generator)", "(__this, __arguments, generator, isNew)"],
  ] as const) {
    const changed = code.replace(known, other);
    expect(changed).not.toBe(code);
    const mended = await mendEsbuild(changed);
    expect(mended).not.toContain("function __asyncGenerator(");
    expect((await leave(await load(mended))).slice(0, 2)).toEqual(AS_NATIVE.slice(1, 3));
  }
});

test("the helper of async functions is replaced alone, and code without async stays as it is", async () => {
  const { code } = await transform(
    "export const f = async () => (await { then: (use) => use(1) }) + 1;",
    LOWERED,
  );
  const mended = await mendEsbuild(code);
  expect(mended).toMatch(/^function __async\(/m);
  expect(mended.split("\n").slice(-3)).toEqual(code.split("\n").slice(-3));
  const { f } = await import(`data:text/javascript,${encodeURIComponent(mended)}`);
  expect(await f()).toBe(2);
  const { code: plain } = await transform("export const f = () => 1;", LOWERED);
  expect(await mendEsbuild(plain)).toBe(plain);
});
