import { element } from "../dom.ts";

/** A titled part of the details. */
export function section(title: string, ...content: readonly (HTMLElement | undefined)[]): HTMLElement {
  return element("section", { class: "detail-section" }, element("h3", { text: title }), ...content);
}
