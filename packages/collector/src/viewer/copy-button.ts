import { button } from "./dom.ts";
import { icon } from "./icons.ts";

/** A button that puts text on the clipboard and shows a tick until it is left. */
export function copyButton(what: string, text: () => string): HTMLButtonElement {
  const made = button({ class: "copy", label: `Copy ${what}` }, icon("copy"));
  const reset = (): void => {
    made.replaceChildren(icon("copy"));
    made.classList.remove("copied");
    made.setAttribute("aria-label", `Copy ${what}`);
  };
  made.addEventListener("click", async (event) => {
    event.stopPropagation();
    event.preventDefault();
    // Pages that are not on loopback or https have no clipboard.
    const done = await navigator.clipboard?.writeText(text()).then(
      () => true,
      () => false,
    );
    made.replaceChildren(icon(done ? "check" : "close"));
    made.classList.add("copied");
    made.setAttribute("aria-label", done ? `Copied ${what}` : `Could not copy ${what}`);
  });
  made.addEventListener("blur", reset);
  made.addEventListener("pointerleave", reset);
  return made;
}
