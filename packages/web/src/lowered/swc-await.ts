import { AwaitMarker } from "./await-marker.ts";

/** In place of `@swc/helpers/_/_await_async_generator`. */
export function _(value: unknown): AwaitMarker {
  return new AwaitMarker(value);
}
