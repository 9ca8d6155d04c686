const MAX_LENGTH = 100;

/** A short selector of a node: tags and classes up to the next id. */
export function selectorOf(node: Node): string {
  let selector = "";
  for (let element = elementOf(node); element; element = element.parentElement) {
    const part = element.id ? `#${element.id}` : [element.localName, ...element.classList].join(".");
    const longer = selector ? `${part}>${selector}` : part;
    if (longer.length > MAX_LENGTH) return selector || part.slice(0, MAX_LENGTH);
    selector = longer;
    if (element.id) break;
  }
  return selector;
}

function elementOf(node: Node): Element | null {
  return node instanceof Element ? node : node.parentElement;
}
