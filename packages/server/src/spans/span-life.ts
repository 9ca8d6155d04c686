import { type Context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { ABORTED, CONTROL_FLOW, ERROR_TYPE } from "@throughline/core/attributes";
import { errorText } from "../error-text.ts";
import { guarded } from "../guarded.ts";
import { controlFlowOf } from "./control-flow.ts";
import { withContext } from "./current-context.ts";
import { settle } from "./settle.ts";

/**
 * Runs `run` with the span current, and ends the span when it returns, when its promise settles or when its
 * generator is through. What it throws is recorded and thrown on unchanged.
 */
export function runInSpan<T>(span: Span, parent: Context, run: () => T): T {
  const life = createLife(span, trace.setSpan(parent, span));
  let result: T;
  try {
    result = withContext(life.inside, run);
  } catch (error) {
    return life.fail(error);
  }
  // What is handed back is of the kind that came, which the compiler cannot know of T.
  if (isThenable(result)) return settle(result, life) as T;
  if (isGenerator(result)) return stepwise(result, life) as T;
  life.end();
  return result;
}

export interface Life {
  /** The context in which the span is current. */
  readonly inside: Context;
  end(): void;
  /** Records the error, and ends the span. */
  note(error: unknown): void;
  /** The same, and throws it on. */
  fail(error: unknown): never;
}

/** Ends the span once, however often a generator is asked on. */
function createLife(span: Span, inside: Context): Life {
  let open = true;
  const end = (): void => {
    if (open) endSpan(span);
    open = false;
  };
  const note = (error: unknown): void => {
    if (open) recordFailure(span, error);
    end();
  };
  return {
    inside,
    end,
    note,
    fail(error) {
      note(error);
      throw error;
    },
  };
}

type AnyGenerator = Generator<unknown, unknown> | AsyncGenerator<unknown, unknown>;

/** The same generator, with each step taken inside the span. */
function stepwise(generator: AnyGenerator, life: Life): AnyGenerator {
  const step = Symbol.asyncIterator in generator ? asyncStep(life) : syncStep(life);
  const stepper = (name: "next" | "return" | "throw"): PropertyDescriptor => ({
    value: (...args: unknown[]) => step(() => Reflect.apply(generator[name], generator, args)),
  });
  return Object.create(generator, {
    next: stepper("next"),
    return: stepper("return"),
    throw: stepper("throw"),
  });
}

type Step = (run: () => unknown) => unknown;

function syncStep({ inside, end, fail }: Life): Step {
  return (run) => {
    try {
      const result = withContext(inside, run);
      if (isLast(result)) end();
      return result;
    } catch (error) {
      return fail(error);
    }
  };
}

function asyncStep({ inside, end, fail }: Life): Step {
  return async (run) => {
    try {
      const result = await withContext(inside, run);
      if (isLast(result)) end();
      return result;
    } catch (error) {
      return fail(error);
    }
  };
}

// A span tells the processors of whoever made it, which may throw.
const endSpan = guarded((span: Span) => span.end(), "a span could not be ended");

const recordFailure = guarded((span: Span, error: unknown): void => {
  const flow = controlFlowOf(error);
  if (flow) {
    span.setAttribute(CONTROL_FLOW, flow);
    return;
  }
  const message = errorText(error);
  // The reason of Next.js's own signal: nobody waits for the answer any more.
  if (error instanceof Error && error.name === "ResponseAborted") {
    span.setAttribute(ABORTED, true);
    return;
  }
  span.recordException(error instanceof Error ? error : message);
  span.setAttribute(ERROR_TYPE, error instanceof Error ? error.name : typeof error);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}, "an error could not be recorded");

function isLast(result: unknown): boolean {
  return typeof result === "object" && result !== null && "done" in result && result.done === true;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function isGenerator(value: unknown): value is AnyGenerator {
  if (typeof value !== "object" || value === null) return false;
  if (!(Symbol.iterator in value || Symbol.asyncIterator in value)) return false;
  // Lists and streams can be walked too, but only a generator is run by the walking.
  return (["next", "return", "throw"] as const).every(
    (name) => name in value && typeof (value as Record<string, unknown>)[name] === "function",
  );
}
