import type { Attributes, Context, ContextManager, Span, Tracer } from "@opentelemetry/api";
import type { ConsentGate } from "./identity/consent.ts";
import type { EventContexts } from "./interaction/clicks.ts";
import type { InteractionLife } from "./interaction/interaction-life.ts";
import type { Later } from "./later.ts";
import type { WebConfig } from "./options.ts";
import type { PageView } from "./page/page-views.ts";
import type { TracedRequest } from "./request/propagation.ts";
import type { Outbox } from "./transport/transport.ts";

/** What an instrument may use of the tracing that runs in this page. */
export interface TracedPage {
  readonly tracer: Tracer;
  readonly manager: ContextManager;
  readonly later: Later;
  /** Opens activities (a click, a navigation, a page load) that adopt the work below them and end with it. */
  readonly life: InteractionLife;
  /** Which activity a click, a submit or a key belongs to. */
  readonly events: EventContexts;
  readonly config: WebConfig;
  /**
   * Attributes of the open page load or navigation and of every span that starts from now on (page, route, session);
   * a later value replaces.
   */
  readonly setPageAttributes: (attributes: Attributes) => void;
  /** Attributes that are asked for when a span starts. */
  readonly describeSpans: (read: ReadSpan) => void;
  /** The visitor's; what an instrument keeps goes through `openStorage`. */
  readonly consent: ConsentGate;
  /** Whether requests may carry `traceparent`, and if none may, why. */
  readonly propagation: () => PropagationMode;
  /** The activity a span without a parent belongs to: the page load, then the latest navigation. */
  readonly setPageContext: (context: Context | undefined) => void;
  /** The page loads and navigations so far: see `contextSince`. */
  readonly pageViews: readonly PageView[];
  /** The open interaction when there is exactly one, else the page's activity: a guess, to be marked `inferred`. */
  readonly inferParent: () => Context | undefined;
  /** Names the parent of a request by what it asks and the context it was made in; `undefined` leaves it. */
  readonly claimRequests: (claim: RequestClaim) => void;
  readonly outbox: Outbox;
  /** Runs something in a task of its own: at the latest before the next span, request or error, and before the end. */
  readonly soon: (run: () => void) => void;
}

export type ReadSpan = (span: Span, parentContext: Context) => Attributes;

export type PropagationMode = "same-origin" | "off" | "consent";

/** Without a context it is told of a request that is fetched ahead and makes no span. */
export type RequestClaim = (request: TracedRequest, active?: Context) => Context | undefined;

export interface RunningInstrument {
  /** Leaves the page as it was. */
  readonly stop: () => void;
  /** The page is going or tracing stops: end what is open, and mark it (`throughline.ended_by`). */
  readonly cut?: (reason: string) => void;
  /** Ends what has ended but is still waiting out a quiet time; called before a flush. */
  readonly settle?: () => void;
}

/** Something to trace; `startWebTracing({ instruments: [tracePageLoad()] })` starts it, so that bundlers leave the others out. */
export type WebInstrument = (page: TracedPage) => RunningInstrument;
