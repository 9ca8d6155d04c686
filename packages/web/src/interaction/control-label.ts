import { labelOf } from "./click-label.ts";

/** Where a label may come from: the control's text too, or only what its author wrote into attributes. */
export type Labels = "text" | "attributes";

const MASK = "[data-trace-mask]";
const ROLES = "[role=button],[role=menuitem],[role=tab],[role=switch]";
const INPUTS = "input[type=submit],input[type=button],input[type=reset]";
const CONTROLS = `button,a,summary,${ROLES},${INPUTS},input[type=image],[data-trace-name]:not(form)`;

/** The innermost control that an event went through, across open shadow roots. */
export function controlOf(event: Event): Element | undefined {
  return event
    .composedPath()
    .find((target): target is Element => target instanceof Element && target.matches(CONTROLS));
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
      (labels === "text" && textOf(element)) ||
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

function textOf(element: Element): string | undefined {
  // A value that a person types is none of ours.
  if (element.matches(INPUTS)) return element.getAttribute("value")?.trim();
  return element.matches(`button,summary,${ROLES}`) && !element.querySelector(MASK)
    ? element.textContent.trim()
    : undefined;
}
