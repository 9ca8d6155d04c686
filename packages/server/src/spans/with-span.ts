import type { Span } from "@opentelemetry/api";
import { sayErrorOnce } from "../log.ts";
import { activeContext } from "./current-context.ts";
import { runInSpan } from "./span-life.ts";
import type { WithSpanOptions } from "./span-options.ts";
import { activeTracer, INERT_SPAN, openSpan } from "./tracer.ts";

/**
 * Runs `fn` inside a span that ends when it returns, settles or, for a generator, when the iteration is over; an error
 * is recorded and rethrown unchanged. What Next.js throws to steer (`redirect()`, `notFound()`) is no error.
 */
export function withSpan<T>(name: string, fn: (span: Span) => T): T;
export function withSpan<T>(name: string, options: WithSpanOptions, fn: (span: Span) => T): T;
export function withSpan<T>(
  name: string,
  optionsOrFn: WithSpanOptions | ((span: Span) => T),
  maybeFn?: (span: Span) => T,
): T {
  const fn = typeof optionsOrFn === "function" ? optionsOrFn : maybeFn;
  if (typeof fn !== "function") {
    throw new TypeError(
      `@throughline/server: withSpan(${JSON.stringify(name)}) got no function to run; call withSpan(name, fn) or withSpan(name, options, fn)`,
    );
  }
  const tracer = activeTracer();
  if (isServerReference(fn)) {
    const alone = (): T => (fn as () => T)();
    if (!tracer) return alone();
    refuseSpan(name, fn.name);
    return withSpan(name, typeof optionsOrFn === "function" ? {} : optionsOrFn, alone);
  }
  if (!tracer) return fn(INERT_SPAN);
  const parent = activeContext();
  const span = openSpan(tracer, name, typeof optionsOrFn === "function" ? {} : optionsOrFn, parent);
  return runInSpan(span, parent, () => fn(span));
}

const SERVER_REFERENCE = Symbol.for("react.server.reference");

/** A `use cache` or `use server` function as Next.js compiles it: what it is called with is written down as its key or its post. */
function isServerReference(fn: object): boolean {
  return (fn as { readonly $$typeof?: unknown }).$$typeof === SERVER_REFERENCE;
}

// An Error, because the place of the call is in its stack, and Next.js's dev server shows it over the page.
function refuseSpan(name: string, fn: string): void {
  sayErrorOnce(
    new TypeError(
      `withSpan(${JSON.stringify(name)}) does not hand its span to ${fn || "the function"}, which is a \`use cache\` or \`use server\` function: there a span would become part of what its result is kept under, or sent. It ran without; write withSpan(${JSON.stringify(name)}, () => ${fn || "fn"}())`,
    ),
  );
}
