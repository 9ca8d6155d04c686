import type { Attributes, AttributeValue } from "@opentelemetry/api";

/** https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits */
export interface SpanLimits {
  /** Attributes of a span, of an event, of a link. */
  readonly attributes: number;
  readonly events: number;
  readonly links: number;
  /** Characters of a text; `Infinity`: as long as it is. */
  readonly valueLength: number;
}

export interface Attributed {
  readonly attributes: Attributes;
  /** How many there are. */
  count: number;
  dropped: number;
}

/** A copy of what is a text, a number, a boolean or a list of one of them; the rest is left out, as the API asks. */
export function attributed(values: Attributes | undefined, limits: SpanLimits): Attributed {
  const attributes: Attributes = {};
  let count = 0;
  let dropped = 0;
  for (const key in values) {
    const value = values[key];
    if (!isKept(key, value) || !Object.hasOwn(values, key)) continue;
    if (count < limits.attributes) {
      attributes[key] = shortened(value, limits);
      count += 1;
    } else dropped += 1;
  }
  return { attributes, count, dropped };
}

/** Sets one; where there is no room for another it is counted as dropped. */
export function putAttribute(
  to: Attributed,
  key: string,
  value: AttributeValue | undefined,
  limits: SpanLimits,
): void {
  if (!isKept(key, value)) return;
  if (!Object.hasOwn(to.attributes, key)) {
    if (to.count >= limits.attributes) {
      to.dropped += 1;
      return;
    }
    to.count += 1;
  }
  to.attributes[key] = shortened(value, limits);
}

function isKept(key: string, value: unknown): value is AttributeValue {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return key !== "";
    case "object":
      return Array.isArray(value) && key !== "" && isList(value);
    default:
      return false;
  }
}

function isList(values: readonly unknown[]): boolean {
  let type = "";
  for (const value of values) {
    if (value === null || value === undefined) continue;
    type ||= typeof value;
    if (typeof value !== type || !["string", "number", "boolean"].includes(type)) return false;
  }
  return true;
}

function shortened(value: AttributeValue, { valueLength }: SpanLimits): AttributeValue {
  if (typeof value === "string") return value.length > valueLength ? value.slice(0, valueLength) : value;
  if (!Array.isArray(value)) return value;
  const cut = <T>(item: T) => (typeof item === "string" ? item.slice(0, valueLength) : item);
  // The API's type is a union of lists; what is cut keeps its type.
  return (Number.isFinite(valueLength) ? value.map(cut) : value.slice()) as AttributeValue;
}
