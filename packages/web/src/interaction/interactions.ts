import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { INTERACTION_TARGET, INTERACTION_TYPE, interactionSpanName } from "@throughline/core/attributes";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import { listen } from "../listen.ts";
import { stopAll } from "../patch-method.ts";
import { startInteraction } from "./clicks.ts";
import { controlLabel, controlOf, hearsKeysItself, type Labels } from "./control-label.ts";

export interface InteractionOptions {
  /** `text` (default) takes the text of buttons for their label, `attributes` only what their author wrote into those. */
  readonly labels?: Labels | undefined;
}

/**
 * Besides clicks, traces submits and keys by which a person sets a control off: each is a root span, from before any
 * listener of the page hears of it to the end of the work it starts. A click that submits a form is one, not two.
 */
export function traceInteractions({ labels = "text" }: InteractionOptions = {}): WebInstrument {
  return (page) => {
    page.events.labelOf = (element) => controlLabel(element, labels);
    const listeners = createListeners(page);
    const onEvent = (event: Event): void => {
      if (event.isTrusted) listeners[event.type as keyof typeof listeners](event);
    };
    return { stop: stopAll(Object.keys(listeners).map((type) => listen(window, type, onEvent, true))) };
  };
}

function createListeners({ tracer, manager, life, events }: TracedPage) {
  function begin(event: Event, type: string, element: Element): void {
    events.adopt(event, life.begin(startInteraction(tracer, type, events.labelOf(element))));
  }

  return {
    click(event: Event): void {
      const element = controlOf(event);
      if (!element) return;
      const type = clickType(event, element);
      const context = events.contextOf(event);
      if (!context) {
        begin(event, type, element);
        return;
      }
      const target = events.labelOf(element);
      trace
        .getSpan(context)
        ?.updateName(interactionSpanName(type, target))
        .setAttributes({ [INTERACTION_TYPE]: type, [INTERACTION_TARGET]: target });
    },
    submit(event: Event): void {
      const { submitter, target } = event as SubmitEvent;
      // It belongs to its click, or to the code that submits; without a person it is no interaction.
      if (events.contextOf(event) || manager.active() !== ROOT_CONTEXT || !isPersonThere()) return;
      const element = submitter ?? target;
      if (element instanceof Element) begin(event, "submit", element);
    },
    keydown(event: Event): void {
      const { key, repeat } = event as KeyboardEvent;
      const [element] = event.composedPath();
      if (repeat || !/^(Enter| )$/.test(key) || !(element instanceof Element)) return;
      if (hearsKeysItself(element)) begin(event, "key", element);
    },
  };
}

/** The keyboard's clicks have no count: https://www.w3.org/TR/uievents/#event-type-click */
function clickType({ detail }: Event & { readonly detail?: number }, element: Element): string {
  if (detail !== 0) return "click";
  // Enter in a field clicks the form's button, which has no focus: https://html.spec.whatwg.org/#implicit-submission
  const isButton = element instanceof HTMLButtonElement || element instanceof HTMLInputElement;
  return isButton && element.form && !element.matches(":focus") ? "submit" : "key";
}

/** Browsers that cannot tell are believed. */
function isPersonThere(): boolean {
  return navigator.userActivation?.isActive !== false;
}
