import type { Attributes } from "@opentelemetry/api";

/** Of attributes, events and links: https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits */
export const LIMIT = 128;

export interface Attributed {
  attributes: Attributes;
  droppedAttributesCount: number;
}

export function attributed(values: Attributes | undefined): Attributed {
  return putAttributes({ attributes: {}, droppedAttributesCount: 0 }, values);
}

/** Adds what is a text, a number, a boolean or a list of one of them; the rest is left out, as the API asks. */
export function putAttributes<T extends Attributed>(target: T, values: Attributes | undefined): T {
  const { attributes } = target;
  for (const [key, value] of Object.entries(values ?? {})) {
    if (key === "" || !isAttributeValue(value)) continue;
    if (Object.hasOwn(attributes, key) || Object.keys(attributes).length < LIMIT)
      attributes[key] = Array.isArray(value) ? value.slice() : value;
    else target.droppedAttributesCount++;
  }
  return target;
}

function isAttributeValue(value: unknown): boolean {
  if (!Array.isArray(value)) return isPrimitive(value);
  const items = value.filter((item) => item != null);
  return items.every((item) => isPrimitive(item) && typeof item === typeof items[0]);
}

function isPrimitive(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}
