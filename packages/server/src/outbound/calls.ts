import {
  type Attributes,
  type Context,
  context,
  propagation,
  type Span,
  type SpanContext,
  SpanKind,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { W3CBaggagePropagator } from "@opentelemetry/core";
import * as names from "@throughline/core/attributes";
import { isSilenced } from "../requests/silence.ts";
import { callOptionsOf } from "./call-options.ts";
import { methodOf } from "./method.ts";
import { BAGGAGE, TRACEPARENT, TRACESTATE, traceparentOf } from "./propagator.ts";
import { createTargets, type Place, type TargetRules } from "./targets.ts";

/** How to read and add the headers of one kind of request. */
export interface HeaderDoor<Request> {
  get(request: Request, name: string): string | undefined;
  add(request: Request, name: string, value: string): void;
  /** Of a header that is there. */
  replace(request: Request, name: string, value: string): void;
}

export interface CallRules extends TargetRules {
  /** As in OTEL_PROPAGATORS. */
  readonly propagators: readonly string[];
  /** Whether the sampler keeps no span below a parent that is not kept: then none has to be made to know it. */
  readonly followsParent: boolean;
}

export interface Calls {
  /**
   * Opens the CLIENT span of a request that is about to leave and writes its context into the headers;
   * `undefined` where there is nothing to end.
   */
  begin<Request>(request: Request, line: RequestLine, door: HeaderDoor<Request>): Span | undefined;
}

export interface RequestLine {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Where it goes, if that may be elsewhere: who receives the context is decided by it. */
  readonly destination?: string;
  readonly method: string;
  readonly path: string;
}

/** What the calls are made in. */
export interface Surroundings {
  readonly active?: (() => Context) | undefined;
  /** The context of a call that is traced: its request may have no span yet. */
  readonly enter?: ((active: Context) => Context) | undefined;
  /** The `traceparent` that the request being answered came with. */
  readonly callerHeader?: (() => unknown) | undefined;
}

/** What all ways out share: whether a request is traced, what its span says, and which headers it gets. */
export function createCalls(
  tracer: Tracer,
  rules: CallRules,
  {
    active: activeContext = () => context.active(),
    enter = (active) => active,
    callerHeader,
  }: Surroundings = {},
): Calls {
  const placeOf = createTargets(rules);
  const sendsTrace = rules.propagators.includes("tracecontext");
  const baggage = rules.propagators.includes(BAGGAGE) ? new W3CBaggagePropagator() : undefined;

  function placesOf({ origin, destination = origin, path }: RequestLine) {
    const named = placeOf(origin, path);
    const goal = destination === origin ? named : placeOf(destination, path);
    return named && goal ? { named, goal } : undefined;
  }

  /** Whether the header is ours now. Who writes one wants another parent; a second value would make both invalid. */
  function writeParent<Request>(request: Request, door: HeaderDoor<Request>, span: SpanContext): boolean {
    const given = door.get(request, TRACEPARENT);
    if (given === undefined) door.add(request, TRACEPARENT, traceparentOf(span));
    // Handed on with all the headers that came, as Next.js does after an action that redirects: nobody chose it.
    else if (given === callerHeader?.()) door.replace(request, TRACEPARENT, traceparentOf(span));
    else return false;
    return true;
  }

  function write<Request>(
    request: Request,
    door: HeaderDoor<Request>,
    { active, place, span }: { active: Context; place: Place; span: SpanContext },
  ): void {
    const { target } = place;
    if (sendsTrace && target.receivesTrace && writeParent(request, door, span)) {
      const state = span.traceState?.serialize();
      if (state && door.get(request, TRACESTATE) === undefined) door.add(request, TRACESTATE, state);
    }
    if (!baggage || !target.receivesBaggage || !propagation.getBaggage(active)) return;
    if (door.get(request, BAGGAGE) !== undefined) return;
    baggage.inject(active, request, { set: (to, name, value) => door.add(to, name, value) });
  }

  function open(active: Context, place: Place, verb: string): Span {
    const options = callOptionsOf(active);
    const method = methodOf(verb);
    const attributes = attributesOf(place, method, options?.attributes);
    return tracer.startSpan(
      options?.spanName ?? method.spanName,
      { kind: SpanKind.CLIENT, attributes },
      active,
    );
  }

  /** The parent whose word is final: it is not kept, so no span has to be made to know that this one is not. */
  function unsampledParent(active: Context): SpanContext | undefined {
    if (!rules.followsParent) return undefined;
    const parent = trace.getSpanContext(active);
    return parent && (parent.traceFlags & TraceFlags.SAMPLED) === 0 ? parent : undefined;
  }

  return {
    begin(request, line, door) {
      const before = activeContext();
      const places = isSilenced(before) ? undefined : placesOf(line);
      const options = callOptionsOf(before);
      if (!places || options?.ignore) return undefined;
      const active = enter(before);
      const parent = unsampledParent(active);
      const opened = parent ? undefined : open(active, places.named, line.method);
      const span = parent ?? opened?.spanContext();
      if (span && options?.propagateContext !== false)
        write(request, door, { active, place: places.goal, span });
      return opened?.isRecording() ? opened : undefined;
    },
  };
}

function attributesOf(
  { target, path }: Place,
  { name, original }: ReturnType<typeof methodOf>,
  asked: Attributes | undefined,
): Attributes {
  const attributes: Attributes = {
    [names.HTTP_REQUEST_METHOD]: name,
    [names.URL_FULL]: target.origin + path,
    [names.SERVER_ADDRESS]: target.address,
    [names.SERVER_PORT]: target.port,
  };
  if (original !== undefined) attributes[names.HTTP_REQUEST_METHOD_ORIGINAL] = original;
  return asked ? Object.assign(attributes, asked) : attributes;
}
