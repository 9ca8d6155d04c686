import { transform } from "esbuild";
import { createAsyncRunner } from "./async-runner.ts";
import { createAwaiting } from "./awaiting.ts";
import { LoweredGenerator } from "./lowered-generator.ts";
import { createOpenIterator } from "./open-iterator.ts";
import { createYieldStar } from "./yield-star.ts";

interface Replacement {
  readonly helpers: RegExp;
  readonly script: (names: readonly (string | undefined)[], code: string) => string | undefined;
}

/** As esbuild 0.27 and 0.28 write them, with parameters that it may call otherwise; `__yieldStar` where it is used. */
const GENERATOR_HELPERS = [
  "^var (__await\\d*) = function\\(\\w+, \\w+\\) \\{\n",
  "  this\\[0\\] = \\w+;\n  this\\[1\\] = \\w+;\n\\};\n",
  "var (__asyncGenerator\\d*) = \\(\\w+, \\w+, \\w+\\) => \\{\n(?:  .*\n)+\\};\n",
  "(?:var (__yieldStar\\d*) = \\(\\w+\\) => \\{\n(?:  .*\n)+\\};\n)?",
].join("");

const REPLACEMENTS: readonly Replacement[] = [
  {
    helpers: /^var (__async\d*) = \(\w+, \w+, \w+\) => \{\n(?: {2}.*\n)+\};\n/m,
    script: asyncScript,
  },
  { helpers: new RegExp(GENERATOR_HELPERS, "m"), script: generatorScript },
  {
    helpers: /^var (__forAwait\d*) = \(\w+, \w+, \w+\) => .*;\n/m,
    script: ([forAwait]) => `
      function ${forAwait}(iterable) {
        ${forAwait}.open ||= ${OPEN};
        return ${forAwait}.open(iterable);
      }`,
  },
];

/**
 * Replaces esbuild's helpers: theirs leave it to the engine to call the `then` of what is no promise, and those of async
 * generators end a `finally` at its first `await` when the generator is left early. No line moves, so the source map holds. Helpers of an unknown shape stay as they are.
 */
export async function mendEsbuild(code: string): Promise<string> {
  let mended = code;
  for (const { helpers, script } of REPLACEMENTS) {
    const found = helpers.exec(mended);
    const text = found && script(found.slice(1), mended);
    if (!text) continue;
    const { code: line } = await transform(text, { minify: true, target: "es2022" });
    const lines = found[0].split("\n").length - 1;
    const end = found.index + found[0].length;
    mended = mended.slice(0, found.index) + line.trim() + "\n".repeat(lines) + mended.slice(end);
  }
  return mended;
}

// Functions, which are there before the module runs: a circular import may call them as early as a native one.

function asyncScript([name]: readonly (string | undefined)[]): string {
  return `
    function ${name}(self, args, body) {
      ${name}.run ||= (${createAsyncRunner})((${createAwaiting})());
      return ${name}.run(() => body.apply(self, args));
    }`;
}

const OPEN = `(${createOpenIterator})((${createAwaiting})())`;

function generatorScript(
  [marker, generator, yieldStar]: readonly (string | undefined)[],
  code: string,
): string | undefined {
  // One of an unknown shape would not understand our generator.
  if (!yieldStar && /\b__yieldStar\d*\(/.test(code)) return undefined;
  const script = `
    function ${marker}(value, how) { this[0] = value; this[1] = how; }
    function ${generator}(self, args, body) {
      ${generator}.make ||= (() => {
        const Generator = ${LoweredGenerator};
        const awaiting = (${createAwaiting})();
        return (body) => new Generator(body, ${marker}, awaiting);
      })();
      return ${generator}.make(body.apply(self, args));
    }`;
  if (!yieldStar) return script;
  return `${script}
    function ${yieldStar}(iterable) {
      ${yieldStar}.run ||= (() => {
        const open = ${OPEN};
        const delegate = (${createYieldStar})(${marker});
        return (iterable) => delegate(open(iterable));
      })();
      return ${yieldStar}.run(iterable);
    }`;
}
