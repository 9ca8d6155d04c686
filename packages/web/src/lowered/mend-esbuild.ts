import { transform } from "esbuild";
import { createAsyncRunner } from "./async-runner.ts";
import { createAwaiting } from "./awaiting.ts";
import { LoweredGenerator } from "./lowered-generator.ts";
import { openIterator } from "./open-iterator.ts";
import { createYieldStar } from "./yield-star.ts";

interface Replacement {
  readonly helpers: RegExp;
  readonly script: (names: readonly (string | undefined)[], code: string) => string | undefined;
}

/** As esbuild 0.27 and 0.28 write them; `__yieldStar` where it is used. */
const GENERATOR_HELPERS = [
  "^var (__await\\d*) = function\\(promise, isYieldStar\\) \\{\n",
  "  this\\[0\\] = promise;\n  this\\[1\\] = isYieldStar;\n\\};\n",
  "var (__asyncGenerator\\d*) = \\(__this, __arguments, generator\\) => \\{\n(?:  .*\n)+\\};\n",
  "(?:var (__yieldStar\\d*) = \\(value\\) => \\{\n(?:  .*\n)+\\};\n)?",
].join("");

const REPLACEMENTS: readonly Replacement[] = [
  {
    helpers: /^var (__async\d*) = \(__this, __arguments, generator\) => \{\n(?: {2}.*\n)+\};\n/m,
    script: asyncScript,
  },
  { helpers: new RegExp(GENERATOR_HELPERS, "m"), script: generatorScript },
  {
    helpers: /^var (__forAwait\d*) = \(obj, it, method\) => .*;\n/m,
    script: ([forAwait]) => `var ${forAwait} = ${openIterator};`,
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
    // esbuild minifies the mark away, and bundlers would keep what nobody uses.
    const pure = line.trim().replace(/__(?:async|asyncGenerator|yieldStar)\d*=/g, "$&/* @__PURE__ */");
    const end = found.index + found[0].length;
    mended = mended.slice(0, found.index) + pure + "\n".repeat(lines) + mended.slice(end);
  }
  return mended;
}

function asyncScript([name]: readonly (string | undefined)[]): string {
  return `
    var ${name} = (() => {
      const run = (${createAsyncRunner})((${createAwaiting})());
      return (self, args, body) => run(() => body.apply(self, args));
    })();`;
}

function generatorScript(
  [marker, generator, yieldStar]: readonly (string | undefined)[],
  code: string,
): string | undefined {
  // One of an unknown shape would not understand our generator.
  if (!yieldStar && /\b__yieldStar\d*\(/.test(code)) return undefined;
  const script = `
    var ${marker} = function (value, how) { this[0] = value; this[1] = how; };
    var ${generator} = (() => {
      const Generator = ${LoweredGenerator};
      const awaiting = (${createAwaiting})();
      return (self, args, body) => new Generator(body.apply(self, args), ${marker}, awaiting);
    })();`;
  if (!yieldStar) return script;
  return `${script}
    var ${yieldStar} = (() => {
      const open = ${openIterator};
      const delegate = (${createYieldStar})(${marker});
      return (iterable) => delegate(open(iterable));
    })();`;
}
