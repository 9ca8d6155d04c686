import type { ErrorDetails } from "./error-recorder.ts";

/** In the page, not in the module: `@throughline/web/react` may be bundled apart from what started tracing. */
export const ERROR_DOOR: unique symbol = Symbol.for("throughline.web.errors");

export type RecordError = (name: string, error: unknown, details?: ErrorDetails) => void;

// Only this module and its copies write under this key.
export const door: { [ERROR_DOOR]?: RecordError | undefined } = globalThis as object;
