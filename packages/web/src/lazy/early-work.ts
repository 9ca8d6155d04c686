import type { FetchCall } from "../request/fetch-call.ts";
import type { Propagation } from "../request/propagation.ts";

/** What happened in the page before the tracing itself was loaded. Times are of `performance.now`. */
export interface EarlyWork {
  /** Ids of traces that a server with the same share keeps too. */
  readonly newTraceId: () => string;
  readonly requests: EarlyRequest[];
  readonly clicks: EarlyClick[];
  /** The page's first `error` and `unhandledrejection` events. */
  readonly errors: Event[];
  /** The arguments of `addEventListener`: an app that hydrates adds its listeners once, before the tracing is there. */
  readonly listeners: Set<EarlyListener>;
}

export type EarlyListener = readonly [target: EventTarget, ...Parameters<EventTarget["addEventListener"]>];

/** The ids of a span that does not exist yet. */
interface Ids {
  readonly traceId: string;
  readonly spanId: string;
}

export interface EarlyClick extends Ids {
  readonly element: Element;
  readonly startedAt: number;
}

export interface EarlyRequest extends Ids {
  readonly call: FetchCall;
  readonly propagation: Propagation;
  readonly click: EarlyClick | undefined;
  readonly startedAt: number;
  outcome?: EarlyOutcome;
  /** Told of the outcome by the promise that the app waits for, before the app is. */
  onOutcome?: (outcome: EarlyOutcome) => void;
}

export interface EarlyOutcome {
  readonly at: number;
  readonly failed: boolean;
  /** The response, or the error. */
  readonly value: unknown;
}
