import { button, element } from "./dom.ts";
import { formatCount } from "./format.ts";
import { type IconName, icon } from "./icons.ts";

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

/** `2 errors` in a badge, or nothing; a narrow list keeps only the number. */
export function countBadge(
  count: number,
  noun: string,
  look: { readonly icon: IconName; readonly tone: string },
): HTMLElement | undefined {
  if (count === 0) return undefined;
  const { title, content } = countParts(count, noun, look.icon);
  return element("span", { class: `badge ${look.tone}`, title }, ...content);
}

/** The same as a button: each press goes to the next of them. */
export function countButton(
  count: number,
  noun: string,
  look: { readonly icon: IconName; readonly tone: string },
  onNext: () => void,
): HTMLElement | undefined {
  if (count === 0) return undefined;
  const { title, content } = countParts(count, noun, look.icon);
  const options = { class: `badge ${look.tone}`, label: `${title}: go to the next`, onClick: onNext };
  return button(options, ...content);
}

function countParts(count: number, noun: string, name: IconName) {
  const word = ` ${noun}${count === 1 ? "" : "s"}`;
  const text = element("span", {}, formatCount(count), element("span", { class: "badge-word", text: word }));
  return { title: `${formatCount(count)}${word}`, content: [icon(name), text] };
}

export const ERROR_LOOK = { icon: "error", tone: "tone-error" } as const;
export const PROBLEM_LOOK = { icon: "alert", tone: "tone-warning" } as const;
