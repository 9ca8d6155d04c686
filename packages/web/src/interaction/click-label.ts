export const BUTTON_INPUTS = "input[type=submit],input[type=button]";
// A form's name is for its submit, not for every click inside.
const INTERACTIVE = `button,a,summary,[role=button],${BUTTON_INPUTS},[data-trace-name]:not(form)`;
const MAX_LABEL = 40;

const MASK = "[data-trace-mask]";

/** The innermost control that an event went through, across open shadow roots. */
export function interactiveElement(event: Event): Element | undefined {
  return event
    .composedPath()
    .find((target): target is Element => target instanceof Element && target.matches(INTERACTIVE));
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

function textOf(element: Element): string | null {
  if (element.matches(BUTTON_INPUTS)) return element.getAttribute("value");
  return element.matches("button,summary,[role=button]") && !element.querySelector(MASK)
    ? element.textContent
    : null;
}

function fold(text: string | null | undefined): string {
  const folded = text?.replace(/\s+/g, " ").trim() ?? "";
  return folded.length > MAX_LABEL ? `${folded.slice(0, MAX_LABEL - 1)}…` : folded;
}
