const INTERACTIVE = "button,a,summary,[role=button],input[type=submit],input[type=button],[data-trace-name]";
const TELLS_ITS_TEXT = "button,summary,[role=button]";
const MAX_LABEL = 40;

/** The innermost control that an event went through, across open shadow roots. */
export function interactiveElement(event: Event): Element | undefined {
  return event
    .composedPath()
    .find((target): target is Element => target instanceof Element && target.matches(INTERACTIVE));
}

/**
 * What a person calls this control: `data-trace-name`, else `aria-label`, else the text of a button, else its
 * tag. The text of a link is not taken: it is content, and content is personal more often than a button.
 */
export function labelOf(element: Element): string {
  const label =
    fold(element.getAttribute("data-trace-name")) ||
    fold(element.getAttribute("aria-label")) ||
    fold(ownText(element));
  return label || element.localName;
}

function ownText(element: Element): string | null {
  if (element instanceof HTMLInputElement) return element.value;
  return element.matches(TELLS_ITS_TEXT) ? element.textContent : null;
}

function fold(text: string | null): string {
  const folded = text?.replace(/\s+/g, " ").trim() ?? "";
  return folded.length > MAX_LABEL ? `${folded.slice(0, MAX_LABEL - 1)}…` : folded;
}
