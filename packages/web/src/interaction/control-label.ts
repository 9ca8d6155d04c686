import { BUTTON_INPUTS, INTERACTIVE, interactiveElement, labelOf, MASK, textOf } from "./click-label.ts";

/** Where a label may come from: the control's text too, or only what its author wrote into attributes. */
export type Labels = "text" | "attributes";

const ROLES = "[role=button],[role=menuitem],[role=tab],[role=switch]";

/** The innermost control that an event went through, across open shadow roots. */
export function controlOf(event: Event): Element | undefined {
  return interactiveElement(event, `${INTERACTIVE},${ROLES},input[type=reset],input[type=image]`);
}

/** A control made of something else; the browser makes no click of a key that is pressed on it. */
export function hearsKeysItself(element: Element): boolean {
  return element.matches(ROLES) && !element.matches("button,a[href],summary,input");
}

/**
 * What a person calls a control or form: `data-trace-name`, else the text that `aria-labelledby` names where text is
 * allowed, else `aria-label`, else its own text where that is allowed and it is a control that tells it, else `title`,
 * `alt` or `name`, else its tag.
 */
export function controlLabel(element: Element, labels: Labels): string {
  return labelOf(element, () => {
    const attribute = (name: string): string => element.getAttribute(name)?.trim() ?? "";
    return (
      (labels === "text" && textOfIds(element, attribute("aria-labelledby"))) ||
      attribute("aria-label") ||
      (labels === "text" &&
        textOf(element, `${BUTTON_INPUTS},input[type=reset]`, `button,summary,${ROLES}`)?.trim()) ||
      attribute("title") ||
      attribute("alt") ||
      element.querySelector(`img:not(${MASK},${MASK} *)`)?.getAttribute("alt") ||
      attribute("name")
    );
  });
}

/** https://www.w3.org/TR/accname-1.2/#comp_labelledby */
function textOfIds(element: Element, ids: string): string {
  // What names a link is content, as the link's own text is.
  if (element.matches("a")) return "";
  const root = element.getRootNode() as Document | ShadowRoot;
  return ids
    .split(/\s+/)
    .map((id) => root.getElementById?.(id))
    .map((label) => (label?.closest(MASK) || label?.querySelector(MASK) ? "" : label?.textContent))
    .join(" ")
    .trim();
}
