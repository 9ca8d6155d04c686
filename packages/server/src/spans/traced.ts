import { warnOnce } from "../log.ts";
import { activeContext } from "./current-context.ts";
import { runInSpan } from "./span-life.ts";
import type { WithSpanOptions } from "./span-options.ts";
import { activeTracer, openSpan } from "./tracer.ts";

type AnyFunction = (...args: never[]) => unknown;

/**
 * The same function with a span around each call: `this`, arguments, name, length and type stay. Its name is the span's
 * where none is given. Works on server actions and on `use cache` functions, whose arguments it leaves alone.
 */
export function traced<F extends AnyFunction>(fn: F): F;
export function traced<F extends AnyFunction>(name: string, fn: F): F;
export function traced<F extends AnyFunction>(options: WithSpanOptions, fn: F): F;
export function traced<F extends AnyFunction>(name: string, options: WithSpanOptions, fn: F): F;
export function traced<F extends AnyFunction>(...given: TracedArguments<F>): F {
  const { name, options, fn } = readArguments(given);
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    const run = (): unknown => Reflect.apply(fn, this, args);
    const tracer = activeTracer();
    if (!tracer) return run();
    const parent = activeContext();
    return runInSpan(openSpan(tracer, name, options, parent), parent, run);
  };
  Object.defineProperties(wrapper, {
    name: { value: fn.name, configurable: true },
    length: { value: fn.length, configurable: true },
  });
  // It takes and gives what `fn` does.
  return wrapper as unknown as F;
}

type TracedArguments<F> =
  | readonly [fn: F]
  | readonly [nameOrOptions: string | WithSpanOptions, fn: F]
  | readonly [name: string, options: WithSpanOptions, fn: F];

interface Read<F> {
  readonly name: string;
  readonly options: WithSpanOptions;
  readonly fn: F;
}

function readArguments<F extends AnyFunction>(given: TracedArguments<F>): Read<F> {
  // The last one, by each of the signatures.
  const fn = given.at(-1) as F;
  const named = typeof given[0] === "string" ? given[0] : undefined;
  if (typeof fn !== "function") {
    throw new TypeError(
      `@throughline/server: traced(${JSON.stringify(named ?? "")}) got no function to trace; call traced(fn), traced(name, fn) or traced(name, options, fn)`,
    );
  }
  const options = given.slice(0, -1).find((one) => typeof one === "object") as WithSpanOptions | undefined;
  return { name: named ?? nameOf(fn), options: options ?? {}, fn };
}

function nameOf(fn: AnyFunction): string {
  if (fn.name !== "") return fn.name;
  warnOnce(
    'traced(fn) got a function without a name; its spans are called "anonymous function". Write traced("what it does", fn).',
  );
  return "anonymous function";
}
