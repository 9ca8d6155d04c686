export const BUTTON_INPUTS = "input[type=submit],input[type=button]";
// A form's name is for its submit, not for every click inside.
export const INTERACTIVE =
  "button,a,summary,[role=button],input[type=submit],input[type=button],[data-trace-name]:not(form)";
/** What is below it has no text for us. */
export const MASK = "[data-trace-mask]";
const MAX_LABEL = 40;

/** The innermost control that an event went through, across open shadow roots. */
export function interactiveElement(event: Event, controls: string = INTERACTIVE): Element | undefined {
  return event
    .composedPath()
    .find((target): target is Element => target instanceof Element && target.matches(controls));
}

/**
 * What a person calls this control: `data-trace-name`, else `aria-label`, else the text of a button, else its tag.
 * The text of a link is content, and content is personal more often than a button. Words with a digit or an `@`
 * become `*`; a text of which a part is masked is not taken, and below `data-trace-mask` only `data-trace-name` counts.
 */
export function labelOf(
  element: Element,
  read = (): string | null => element.getAttribute("aria-label") || textOf(element),
): string {
  return (
    fold(element.getAttribute("data-trace-name")) ||
    (!element.closest(MASK) && fold(read()?.replace(/\S+/g, withoutValue))) ||
    element.localName
  );
}

function withoutValue(word: string): string {
  return /[\d@]/.test(word) ? "*" : word;
}

/** The text of what is known by it; a value that a person types is none of ours. */
export function textOf(
  element: Element,
  inputs: string = BUTTON_INPUTS,
  texts = "button,summary,[role=button]",
): string | null {
  if (element.matches(inputs)) return element.getAttribute("value");
  return element.matches(texts) && !element.querySelector(MASK) ? element.textContent : null;
}

function fold(text: string | null | undefined): string {
  const folded = text?.replace(/\s+/g, " ").trim() ?? "";
  return folded.length > MAX_LABEL ? `${folded.slice(0, MAX_LABEL - 1)}…` : folded;
}
