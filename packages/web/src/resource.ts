import type { Attributes } from "@opentelemetry/api";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";

export function createResource(attributes: Attributes): Resource {
  return resourceFromAttributes(attributes);
}
