import type { Attributes } from "@opentelemetry/api";

/** In the page, not in the module: the app's copy of this package may not be the one that traces. */
export const USER: unique symbol = Symbol.for("throughline.user");
export const userDoor: { [USER]?: Attributes | undefined } = globalThis as object;
