import { ROOT_CONTEXT } from "@opentelemetry/api";
import type { RequestClaim, WebInstrument } from "../instrument.ts";
import { interactionIn } from "../interaction/interaction-life.ts";
import { listen } from "../listen.ts";
import { stopAll } from "../patch-method.ts";

/**
 * Next.js sends one server action at a time, and React one of each `useActionState`: what waits for another, also a
 * `router.refresh()`, is sent as that one ends, in the context of that one's click. Whose it is nobody can tell where
 * there was another click since; it starts a trace of its own then.
 */
export function disownQueued(navigation: WebInstrument): WebInstrument {
  return (page) => {
    let clicks = 0;
    const count = (event: Event & { readonly submitter?: unknown }): void => {
      // A submit by a button is that button's click.
      if (event.isTrusted && !event.submitter) clicks++;
    };
    /** The clicks so far when an interaction made its first request of this kind. */
    const first = new WeakMap<object, number>();
    const claim: RequestClaim = ({ headers }, active) => {
      const interaction = active && headers.has("next-router-state-tree") && interactionIn(active);
      if (!interaction) return undefined;
      const before = first.get(interaction) ?? clicks;
      first.set(interaction, before);
      return before === clicks ? undefined : ROOT_CONTEXT;
    };
    const running = navigation({
      ...page,
      claimRequests: (known) =>
        page.claimRequests((request, active) => known(request, active) ?? claim(request, active)),
    });
    const stop = stopAll([
      ...["click", "submit"].map((type) => listen(window, type, count, true)),
      running.stop,
    ]);
    return { ...running, stop };
  };
}
