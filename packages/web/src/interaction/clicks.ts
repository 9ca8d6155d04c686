import { type Context, ROOT_CONTEXT, type Span, type Tracer } from "@opentelemetry/api";
import { INTERACTION_TARGET, INTERACTION_TYPE, interactionSpanName } from "@throughline/core/attributes";
import type { Later } from "../later.ts";
import { listen } from "../listen.ts";
import type { Stop } from "../patch-method.ts";
import type { OwnSpanOptions } from "../trace/tracer.ts";
import { interactiveElement, labelOf } from "./click-label.ts";
import type { InteractionLife } from "./interaction-life.ts";

export interface EventContexts {
  /** The context in which the listeners of this event run. */
  contextOf(event: Event | undefined): Context | undefined;
  /** Has the listeners of this event run in a context. */
  adopt(event: Event, context: Context): void;
  /** Names a control; an instrument may know better than by the rules of `click-label.ts`. */
  labelOf: (element: Element) => string;
}

export interface TracedClicks extends EventContexts {
  readonly stop: Stop;
}

/** The span of what a person does to a control of this label: a root, whatever is current. */
export function startInteraction(tracer: Tracer, type: string, target: string, own?: OwnSpanOptions): Span {
  const attributes = { [INTERACTION_TYPE]: type, [INTERACTION_TARGET]: target };
  return tracer.startSpan(interactionSpanName(type, target), { attributes, ...own }, ROOT_CONTEXT);
}

/** Opens a root span for each click of a person on a control, before any listener of the page hears of it. */
export function traceClicks(tracer: Tracer, life: InteractionLife, later: Later): TracedClicks {
  const byEvent = new WeakMap<Event, Context>();
  let activation: Context | undefined;

  const onClick = (event: Event): void => {
    const element = event.isTrusted ? interactiveElement(event) : undefined;
    if (!element) return;
    const context = life.begin(startInteraction(tracer, "click", clicks.labelOf(element)));
    byEvent.set(event, context);
    // The submit that a click brings about follows in the same task.
    activation = context;
    later(() => {
      if (activation === context) activation = undefined;
    }, 0);
  };
  const stop = listen(window, "click", onClick, true);
  const clicks: TracedClicks = {
    labelOf: (element) => labelOf(element),
    contextOf: (event) =>
      // The app may call its own handler without an event.
      event && (byEvent.get(event) ?? (event.type === "submit" && event.isTrusted ? activation : undefined)),
    adopt: (event, context) => byEvent.set(event, context),
    stop,
  };
  return clicks;
}
