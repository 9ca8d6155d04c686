import type { WebInstrument } from "./instrument.ts";
import type { InteractionOptions } from "./interaction/interactions.ts";
import type { WebTracingOptions } from "./options.ts";
import type { NavigationOptions } from "./page/navigation.ts";

// `withTracing` writes the options into a build-time constant, which bundlers only find when it is spelled
// exactly like this.
declare const process: { readonly env: { readonly THROUGHLINE_WEB?: string } };

export type NextOptions = WebTracingOptions & InteractionOptions & Pick<NavigationOptions, "basePath">;

/** Under which the page finds what loads further instruments. */
export const MORE = "throughline.instruments";
export type LoadInstruments = () => Promise<readonly WebInstrument[]>;

/** What `withTracing` chose at build time; `undefined` in an app that was built without it. */
export function readNextOptions(): NextOptions | undefined {
  try {
    const text = process.env.THROUGHLINE_WEB;
    return text ? (JSON.parse(text) as NextOptions) : undefined;
  } catch {
    // No such constant and no `process`.
    return undefined;
  }
}
