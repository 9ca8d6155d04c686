type Child = Node | string | undefined;

export interface ElementOptions {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly onClick?: (event: MouseEvent) => void;
}

/** An element with its children; text becomes text nodes, never markup, because span names come from strangers. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: ElementOptions = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (options.class !== undefined) made.className = options.class;
  if (options.text !== undefined) made.textContent = options.text;
  if (options.title !== undefined) made.title = options.title;
  for (const [name, value] of Object.entries(options.attributes ?? {})) made.setAttribute(name, value);
  if (options.onClick) made.addEventListener("click", options.onClick as EventListener);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** A push button; `label` is what a screen reader says when the content is only an icon. */
export function button(
  options: ElementOptions & { readonly label?: string },
  ...children: readonly Child[]
): HTMLButtonElement {
  const made = element("button", options, ...children);
  made.type = "button";
  if (options.label !== undefined) {
    made.setAttribute("aria-label", options.label);
    if (options.title === undefined) made.title = options.label;
  }
  return made;
}

/** Whether a key press belongs to a field the reader is typing into. */
export function isTyping(event: Event): boolean {
  const target = event.target;
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLSelectElement ||
    target instanceof HTMLTextAreaElement
  );
}
