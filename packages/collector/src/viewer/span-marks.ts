import { element } from "./dom.ts";

/** A service's name behind a dot in its colour. */
export function serviceChip(service: string, colour: string): HTMLElement {
  return element(
    "span",
    { class: `chip ${colour}`, title: service },
    element("span", { class: "dot" }),
    element("span", { class: "chip-text", text: service }),
  );
}

/** Server faults are errors, client faults warnings; everything else stays quiet. */
export function statusTone(statusCode: number): string {
  if (statusCode >= 500) return "tone-error";
  return statusCode >= 400 ? "tone-warning" : "tone-quiet";
}
