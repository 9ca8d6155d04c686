import { type Context, type Span, trace } from "@opentelemetry/api";
import { EXCEPTION_MESSAGE } from "@throughline/core/attributes";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import { listen } from "../listen.ts";
import { type Stop, stopAll } from "../patch-method.ts";
import { attempt } from "../start-all.ts";
import { door, ERROR_DOOR } from "./error-door.ts";
import { createErrorRecorder, type ErrorDetails, type ErrorRecorder, hasDigest } from "./error-recorder.ts";
import { isControlFlow, messageOf } from "./error-text.ts";

export const UNCAUGHT = "uncaught error";

/**
 * Traces what nobody caught: `error` and `unhandledrejection`, with scrubbed messages and bounded stacks; each
 * error once, ten a minute. Images and scripts that do not load are no errors.
 */
export function traceErrors(): WebInstrument {
  return (page) => {
    const recorder = createErrorRecorder(page.tracer, (error) => {
      // First: what still waits to start does so now, the page load among it.
      const inferred = page.inferParent();
      const view = page.pageViews.at(-1)?.context;
      // What failed on the server came with the page, whatever is clicked meanwhile.
      return hasDigest(error) ? view : (inferred ?? view);
    });
    const thrownIn = new WeakMap<object, Context>();
    const stopNoting = noteContexts(page, recorder, thrownIn);
    const record = (name: string, error: unknown, details?: ErrorDetails): void => {
      const known = isObject(error) ? thrownIn.get(error) : undefined;
      recorder.record(name, error, known ?? page.manager.active(), details);
    };
    // A proxy may throw at whatever it is asked, which would be one error more.
    const uncaught = (error: unknown): void =>
      attempt(() => {
        // Next.js's router hears of these too, and goes where they say.
        if (!isControlFlow(error)) record(UNCAUGHT, error);
      });
    const stopListening = stopAll([
      // A script of another origin tells nothing but the message "Script error."
      listen(window, "error", (event) => {
        const { error, message } = event as ErrorEvent;
        uncaught(error ?? message);
      }),
      listen(window, "unhandledrejection", (event) => uncaught((event as PromiseRejectionEvent).reason)),
    ]);
    door[ERROR_DOOR] = record;
    return {
      stop() {
        stopListening();
        if (door[ERROR_DOOR] === record) door[ERROR_DOOR] = undefined;
        stopNoting();
      },
      cut: recorder.settle,
    };
  };
}

/** The page hears of an error after its context is gone, so the context is noted where the error flies through. */
function noteContexts(
  { manager }: TracedPage,
  recorder: ErrorRecorder,
  thrownIn: WeakMap<object, Context>,
): Stop {
  const original = manager.with;
  // The types of `bind` forget that it is generic.
  const bound = original.bind(manager) as typeof original;
  manager.with = (context, run, thisArg, ...args) => {
    try {
      return bound(context, run, thisArg, ...args);
    } catch (error) {
      if (isObject(error) && !thrownIn.has(error)) {
        thrownIn.set(error, context);
        if (hasRecorded(context, error)) recorder.ignore(error);
      }
      throw error;
    }
  };
  return () => {
    manager.with = original;
  };
}

/** Whether the span that the error left has it already: `withSpan` writes it and throws it on. */
function hasRecorded(context: Context, error: object): boolean {
  const span = trace.getSpan(context) as (Span & { readonly events?: unknown }) | undefined;
  return (
    Array.isArray(span?.events) &&
    !span.isRecording() &&
    span.events.some((event) => event.attributes?.[EXCEPTION_MESSAGE] === messageOf(error))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
