import { type Context, createContextKey, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";
import { ENDED_BY } from "@throughline/core/attributes";
import type { Later } from "../later.ts";
import type { Stop } from "../patch-method.ts";
import type { SpanData } from "../trace/span.ts";
import { isBefore } from "../trace/span-time.ts";

/** Work that follows the last child within this time still belongs to the interaction (a React effect, a retry). */
const QUIET_MS = 100;
/** From the first child on. */
const DEADLINE_MS = 10_000;
/** How long a click without any work may be taken for the parent of a request whose context was lost. */
export const IDLE_MS = 1000;

export interface InteractionLife {
  /** The context of an interaction that begins now; `isNoGuess`: not the parent of what has lost its own, before it has work. */
  begin(span: Span, isNoGuess?: boolean): Context;
  onStart(span: object, parentContext: Context): void;
  onEnd(span: SpanData): void;
  /** Waits no longer for a span that stays open. */
  release(span: object): void;
  /** The open interaction, when there is exactly one. */
  only(): Context | undefined;
  /** Ends every interaction whose work has ended, without waiting out the quiet time. */
  settle(): void;
  /**
   * Marks interactions whose work is cut off; end that work next, then call the result. None is open then: a page
   * that comes back does so for another reason than the click that left it.
   */
  cut(reason: string): Stop;
}

export interface Interaction {
  readonly span: Span;
  context: Context;
  ended: boolean;
  /** Spans that began below it and have not ended. */
  open: number;
  lastEnd?: SpanData["endTime"];
  cancelWait: Stop;
  cancelDeadline?: Stop;
}

const INTERACTION = createContextKey("throughline.interaction");

/** An interaction ends when the work below it has ended; one that never had any is never told. */
export function createInteractionLife(later: Later): InteractionLife {
  const open = new Set<Interaction>();
  const owners = new WeakMap<object, Interaction>();

  function end(interaction: Interaction, time?: SpanData["endTime"]): void {
    interaction.ended = true;
    interaction.cancelWait();
    interaction.cancelDeadline?.();
    open.delete(interaction);
    interaction.span.end(time);
  }

  function leave(span: object, time: SpanData["endTime"]): void {
    const interaction = owners.get(span);
    owners.delete(span);
    if (!interaction || interaction.ended) return;
    interaction.open--;
    interaction.lastEnd = latest(interaction.lastEnd, time);
    if (interaction.open > 0) return;
    interaction.cancelWait = later(() => end(interaction, interaction.lastEnd), QUIET_MS);
  }

  function settle(): void {
    for (const interaction of open)
      if (interaction.open === 0 && interaction.lastEnd) end(interaction, interaction.lastEnd);
  }

  return {
    begin(span, isNoGuess) {
      // It leaves the list, not the world: late work that knows its context still finds it.
      const cancelWait = later(() => open.delete(interaction), IDLE_MS);
      const interaction: Interaction = { span, context: ROOT_CONTEXT, ended: false, open: 0, cancelWait };
      interaction.context = trace.setSpan(ROOT_CONTEXT, span).setValue(INTERACTION, interaction);
      if (!isNoGuess) open.add(interaction);
      return interaction.context;
    },
    onStart(span, parentContext) {
      const interaction = interactionIn(parentContext);
      if (!interaction || interaction.ended) return;
      owners.set(span, interaction);
      open.add(interaction);
      interaction.open++;
      interaction.cancelWait();
      interaction.cancelDeadline ??= later(() => {
        interaction.span.setAttribute(ENDED_BY, "deadline");
        end(interaction);
      }, DEADLINE_MS);
    },
    onEnd: (span) => leave(span, span.endTime),
    // Whatever records has a start; the API does not say so.
    release: (span) => leave(span, (span as SpanData).startTime),
    only: () => (open.size === 1 ? [...open][0]?.context : undefined),
    settle,
    cut(reason) {
      const busy = [...open].filter((interaction) => interaction.open > 0);
      for (const { span } of busy) span.setAttribute(ENDED_BY, reason);
      return () => {
        settle();
        for (const interaction of busy) if (!interaction.ended) end(interaction);
        open.clear();
      };
    },
  };
}

/** The interaction that code with this context works for. */
// A context holds values of unknown type; only `begin` writes under this key.
export function interactionIn(context: Context): Interaction | undefined {
  return context.getValue(INTERACTION) as Interaction | undefined;
}

function latest(one: SpanData["endTime"] | undefined, other: SpanData["endTime"]): SpanData["endTime"] {
  return one && isBefore(other, one) ? one : other;
}
