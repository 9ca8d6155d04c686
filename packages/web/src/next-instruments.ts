import { traceErrors } from "./error/uncaught-errors.ts";
import { traceSession } from "./identity/session.ts";
import type { WebInstrument } from "./instrument.ts";
import { traceInteractions } from "./interaction/interactions.ts";
import { traceOtherClicks } from "./interaction/other-clicks.ts";
import { type LoadInstruments, MORE, type NextOptions } from "./next-options.ts";
import { afterLoad } from "./page/after-load.ts";
import { traceNextNavigation } from "./page/navigation.ts";
import { tracePageLoad } from "./page/page-load.ts";
import { disownQueued } from "./page/queued-requests.ts";
import { startSoon } from "./page/start-soon.ts";

/** What a Next.js page traces besides clicks and `fetch`; docs/decisions/0007. */
export function nextInstruments({ labels, basePath }: NextOptions): readonly WebInstrument[] {
  const more: LoadInstruments | undefined = Reflect.get(globalThis, MORE);
  const late = afterLoad(async () => (await import("./next-late-instruments.ts")).nextLateInstruments());
  return [
    startSoon(traceSession()),
    startSoon(tracePageLoad()),
    startSoon(disownQueued(traceNextNavigation({ basePath }))),
    traceInteractions({ labels }),
    traceOtherClicks(),
    traceErrors(),
    startSoon(late),
    ...(more ? [afterLoad(more, true)] : []),
  ];
}
