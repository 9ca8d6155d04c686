import { type Context, ROOT_CONTEXT, type Tracer } from "@opentelemetry/api";
import { INTERACTION_TARGET, INTERACTION_TYPE, interactionSpanName } from "@throughline/core/attributes";
import type { Later } from "../later.ts";
import type { Stop } from "../patch-method.ts";
import { interactiveElement, labelOf } from "./interaction-label.ts";
import type { InteractionLife } from "./interaction-life.ts";

export interface TracedInteractions {
  /** The context in which the listeners of this event run. */
  contextOf(event: Event): Context | undefined;
  readonly stop: Stop;
}

/** Opens a root span for each click of a person on a control, before any listener of the page hears of it. */
export function traceInteractions(tracer: Tracer, life: InteractionLife, later: Later): TracedInteractions {
  const byEvent = new WeakMap<Event, Context>();
  let activation: Context | undefined;

  const onClick = (event: Event): void => {
    const element = event.isTrusted ? interactiveElement(event) : undefined;
    if (!element) return;
    const target = labelOf(element);
    const attributes = { [INTERACTION_TYPE]: "click", [INTERACTION_TARGET]: target };
    const span = tracer.startSpan(interactionSpanName("click", target), { attributes }, ROOT_CONTEXT);
    const context = life.begin(span);
    byEvent.set(event, context);
    // The submit that a click brings about follows in the same task.
    activation = context;
    later(() => {
      if (activation === context) activation = undefined;
    }, 0);
  };
  window.addEventListener("click", onClick, { capture: true });
  return {
    contextOf: (event) =>
      byEvent.get(event) ?? (event.type === "submit" && event.isTrusted ? activation : undefined),
    stop: () => window.removeEventListener("click", onClick, { capture: true }),
  };
}
