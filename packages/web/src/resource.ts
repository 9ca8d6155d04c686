import type { Attributes } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";

/** What is said of every span of this page. Nothing is detected or merged later, so there is nothing to wait for. */
export function createResource(attributes: Attributes): Resource {
  const resource: Resource = {
    attributes,
    merge: (other) => (other ? createResource({ ...attributes, ...other.attributes }) : resource),
    getRawAttributes: () => Object.entries(attributes),
  };
  return resource;
}
