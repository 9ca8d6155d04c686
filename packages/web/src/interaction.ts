import {
  type Context,
  createContextKey,
  ROOT_CONTEXT,
  type Span,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import {
  ENDED_BY,
  INTERACTION_TARGET,
  INTERACTION_TYPE,
  interactionSpanName,
} from "@throughline/core/attributes";
import { interactiveElement, labelOf } from "./interaction-label.ts";
import type { Later } from "./later.ts";
import type { Stop } from "./patch-method.ts";

/** Work that follows the last child within this time still belongs to the interaction (a React effect, a retry). */
const QUIET_MS = 100;
/** From the first child on. */
const DEADLINE_MS = 10_000;
/** How long a click without any work may be taken for the parent of a request whose context was lost. */
const IDLE_MS = 1000;

export interface Interactions {
  /** Tells the interactions which spans began and ended below them. */
  readonly processor: SpanProcessor;
  /** Listens for clicks; install it before the listeners of the page are traced. */
  listen(tracer: Tracer): Stop;
  /** The context in which the listeners of this event run. */
  contextOf(event: Event): Context | undefined;
  /** The open interaction, when there is exactly one. */
  only(): Context | undefined;
  /** Ends every interaction whose work has ended, without waiting out the quiet time. */
  settle(): void;
  /** Marks interactions whose work is cut off; end the work next, then call the result. */
  cut(reason: string): Stop;
}

interface Interaction {
  readonly span: Span;
  readonly context: Context;
  ended: boolean;
  /** Spans that began below it and have not ended. */
  open: number;
  lastEnd: ReadableSpan["endTime"] | undefined;
  cancelQuiet: Stop;
  cancelDeadline: Stop | undefined;
}

const INTERACTION = createContextKey("throughline.interaction");

export function createInteractions(later: Later): Interactions {
  const open = new Set<Interaction>();
  const owners = new WeakMap<object, Interaction>();
  const byEvent = new WeakMap<Event, Context>();
  let activation: Context | undefined;

  function end(interaction: Interaction, time?: ReadableSpan["endTime"]): void {
    interaction.ended = true;
    interaction.cancelQuiet();
    interaction.cancelDeadline?.();
    open.delete(interaction);
    interaction.span.end(time);
  }

  function finish(interaction: Interaction): void {
    // No `lastEnd`: nothing ever happened below it, and such a click is not told.
    if (!interaction.ended && interaction.open === 0 && interaction.lastEnd)
      end(interaction, interaction.lastEnd);
  }

  function adopt(interaction: Interaction, span: object): void {
    owners.set(span, interaction);
    interaction.open++;
    interaction.cancelQuiet();
    open.add(interaction);
    interaction.cancelDeadline ??= later(() => {
      interaction.span.setAttribute(ENDED_BY, "deadline");
      end(interaction);
    }, DEADLINE_MS);
  }

  function release(interaction: Interaction, span: ReadableSpan): void {
    if (interaction.ended) return;
    interaction.open--;
    interaction.lastEnd = latest(interaction.lastEnd, span.endTime);
    if (interaction.open === 0) interaction.cancelQuiet = later(() => finish(interaction), QUIET_MS);
  }

  function begin(tracer: Tracer, type: string, target: string): Context {
    const attributes = { [INTERACTION_TYPE]: type, [INTERACTION_TARGET]: target };
    const span = tracer.startSpan(interactionSpanName(type, target), { attributes }, ROOT_CONTEXT);
    const base = trace.setSpan(ROOT_CONTEXT, span);
    const interaction: Interaction = {
      span,
      context: base.setValue(INTERACTION, () => interaction),
      ended: false,
      open: 0,
      lastEnd: undefined,
      cancelQuiet: () => undefined,
      cancelDeadline: undefined,
    };
    open.add(interaction);
    // It leaves the list, not the world: late work that knows its context still finds it.
    interaction.cancelQuiet = later(() => open.delete(interaction), IDLE_MS);
    return interaction.context;
  }

  return {
    processor: {
      onStart(span, parentContext) {
        const interaction = interactionIn(parentContext);
        if (interaction && !interaction.ended) adopt(interaction, span);
      },
      onEnd(span) {
        const interaction = owners.get(span);
        if (interaction) release(interaction, span);
      },
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    },
    listen(tracer) {
      const onClick = (event: Event): void => {
        const element = event.isTrusted ? interactiveElement(event) : undefined;
        if (!element) return;
        const context = begin(tracer, "click", labelOf(element));
        byEvent.set(event, context);
        activation = context;
        later(() => {
          if (activation === context) activation = undefined;
        }, 0);
      };
      window.addEventListener("click", onClick, { capture: true });
      return () => window.removeEventListener("click", onClick, { capture: true });
    },
    contextOf: (event) =>
      byEvent.get(event) ?? (event.type === "submit" && event.isTrusted ? activation : undefined),
    only: () => (open.size === 1 ? [...open][0]?.context : undefined),
    settle: () => {
      for (const interaction of open) finish(interaction);
    },
    cut(reason) {
      const busy = [...open].filter((interaction) => interaction.open > 0);
      for (const { span } of busy) span.setAttribute(ENDED_BY, reason);
      return () => {
        for (const interaction of open) finish(interaction);
        for (const interaction of busy) if (!interaction.ended) end(interaction);
      };
    },
  };
}

// A function, because the value of a context key is of unknown type and a call is the narrowest way back.
function interactionIn(context: Context): Interaction | undefined {
  const read = context.getValue(INTERACTION) as (() => Interaction) | undefined;
  return read?.();
}

function latest(
  one: ReadableSpan["endTime"] | undefined,
  other: ReadableSpan["endTime"],
): ReadableSpan["endTime"] {
  if (!one) return other;
  const later = other[0] - one[0] || other[1] - one[1];
  return later > 0 ? other : one;
}
