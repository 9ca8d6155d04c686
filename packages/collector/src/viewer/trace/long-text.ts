import { button, element } from "../dom.ts";

/** About six lines of a message at the usual width of the details; less is always shown. */
const LONG_LENGTH = 480;
const LONG_LINES = 6;

/** More than six lines of a wide window; the rest of a megabyte would be laid out unseen. */
const CUT_LENGTH = 4000;

/** Whether a text would push away what stands below it. */
export function isLong(text: string): boolean {
  return text.length > LONG_LENGTH || text.split("\n", LONG_LINES + 1).length > LONG_LINES;
}

/** A text; a long one shows six lines of itself, and all of it when asked to. */
export function longText(text: string): HTMLElement {
  if (!isLong(text)) return element("span", { text });
  const content = element("span", {});
  const toggle = button({ class: "button small show-all" });
  const draw = (open: boolean): void => {
    content.classList.toggle("clamped", !open);
    content.textContent = open ? text : text.slice(0, CUT_LENGTH);
    toggle.textContent = open ? "Show less" : "Show all";
    toggle.setAttribute("aria-expanded", String(open));
  };
  toggle.addEventListener("click", () => draw(content.classList.contains("clamped")));
  draw(false);
  return element("span", { class: "long-text" }, content, toggle);
}
