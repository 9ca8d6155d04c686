import type { WebInstrument } from "../instrument.ts";
import { listen } from "../listen.ts";
import { labelOf } from "./click-label.ts";
import { startInteraction } from "./clicks.ts";

/**
 * Traces clicks on what is no control (`<div onClick>`, a row of a table, an option): each that starts something is a
 * root span. Before it has, it is no guess for what has lost its context: people click on nothing too. Named after
 * `traceInteractions()`, which knows more controls than the default.
 */
export function traceOtherClicks(): WebInstrument {
  return ({ tracer, life, events }) => {
    const onClick = (event: Event): void => {
      const [element] = event.composedPath();
      if (event.isTrusted && element instanceof Element && !events.contextOf(event))
        events.adopt(event, life.begin(startInteraction(tracer, "click", labelOf(element)), true));
    };
    return { stop: listen(window, "click", onClick, true) };
  };
}
