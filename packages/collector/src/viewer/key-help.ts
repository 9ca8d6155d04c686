import { button, element, isTyping } from "./dom.ts";
import { icon } from "./icons.ts";

const KEYS = [
  ["/", "Search"],
  ["j  k  ↓  ↑", "Next and previous row"],
  ["→  ←", "Expand or step in, collapse or step out"],
  ["Enter", "Open the row; in the search: next match"],
  ["n  N", "Next and previous match"],
  ["e", "Next span with an error"],
  ["z", "Zoom to the span of the row, and out again"],
  ["Esc", "Close the details, then the search, then the zoom"],
  ["Home  End", "First and last row"],
  ["?", "This list"],
] as const;

/** The list of shortcuts, opened by `?`. */
export function createKeyHelp(): { readonly element: HTMLDialogElement; readonly open: () => void } {
  const dialog = element("dialog", { class: "key-help", attributes: { "aria-label": "Keyboard shortcuts" } });
  const list = element("dl", {});
  for (const [keys, meaning] of KEYS) {
    const caps = keys.split("  ").map((key) => element("kbd", { text: key }));
    list.append(element("dt", {}, ...caps), element("dd", { text: meaning }));
  }
  const close = button(
    { class: "button quiet", label: "Close", onClick: () => dialog.close() },
    icon("close"),
  );
  dialog.append(
    element("div", { class: "key-help-head" }, element("h2", { text: "Keyboard shortcuts" }), close),
    list,
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  const open = (): void => {
    if (!dialog.open) dialog.showModal();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !isTyping(event)) open();
  });
  return { element: dialog, open };
}
