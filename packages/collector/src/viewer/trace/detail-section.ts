import { button, element } from "../dom.ts";
import { formatCount } from "../format.ts";

/** More would take seconds to draw, and nobody reads them one by one. */
const SHOWN_AT_FIRST = 50;

/** A titled part of the details. */
export function section(title: string, ...content: readonly (HTMLElement | undefined)[]): HTMLElement {
  return element("section", { class: "detail-section" }, element("h3", { text: title }), ...content);
}

/** A list of its first items, and of all of them when asked to. */
export function longList<T>(
  items: readonly T[],
  noun: string,
  draw: (item: T) => HTMLElement,
): readonly HTMLElement[] {
  const list = element("ol", { class: "events" }, ...items.slice(0, SHOWN_AT_FIRST).map(draw));
  if (items.length <= SHOWN_AT_FIRST) return [list];
  const more = button({
    class: "button small",
    text: `Show all ${formatCount(items.length)} ${noun}`,
    onClick() {
      list.append(...items.slice(SHOWN_AT_FIRST).map(draw));
      more.remove();
    },
  });
  return [list, more];
}
