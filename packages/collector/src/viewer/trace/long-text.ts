import { button, element } from "../dom.ts";

/** About six lines of a message at the usual width of the details; less is always shown. */
const LONG_LENGTH = 480;
const LONG_LINES = 6;

/** Whether a text would push away what stands below it. */
export function isLong(text: string): boolean {
  return text.length > LONG_LENGTH || text.split("\n", LONG_LINES + 1).length > LONG_LINES;
}

/** A text; a long one shows six lines of itself, and all of it when asked to. */
export function longText(text: string): HTMLElement {
  if (!isLong(text)) return element("span", { text });
  const content = element("span", { class: "clamped", text });
  const toggle = button({ class: "button small show-all" });
  const draw = (open: boolean): void => {
    content.classList.toggle("clamped", !open);
    toggle.textContent = open ? "Show less" : "Show all";
    toggle.setAttribute("aria-expanded", String(open));
  };
  toggle.addEventListener("click", () => draw(content.classList.contains("clamped")));
  draw(false);
  return element("span", { class: "long-text" }, content, toggle);
}
