import { type IncomingMessage, Server } from "node:http";
import { Server as SecureServer } from "node:https";
import type { Duplex } from "node:stream";
import {
  type Context,
  type ContextManager,
  createContextKey,
  defaultTextMapGetter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import * as names from "@throughline/core/attributes";
import { guarded } from "../guarded.ts";
import { firstWrite } from "./first-write.ts";
import { type IncomingOptions, nameByRoute, openServerSpan, routeOf } from "./node-requests.ts";
import { silence } from "./silence.ts";

export interface UpgradeOptions extends Pick<IncomingOptions, "route" | "isNoise" | "extract"> {
  readonly contexts: Pick<ContextManager, "with">;
}

/**
 * One SERVER span for each request that a server hands to its `upgrade` listeners (a WebSocket), until it is answered.
 * What the connection carries afterwards is no part of it.
 */
export function traceNodeUpgrades(tracer: Tracer, options: UpgradeOptions): () => void {
  const { contexts } = options;
  // A server may hand it on to another one.
  const known = new WeakSet<object>();
  return wrapUpgrades((upgrade, run) => {
    if (known.has(upgrade.request)) return run();
    known.add(upgrade.request);
    // Node enters no request's context for it, on a kept connection neither.
    let active: Context = ROOT_CONTEXT;
    guarded(() => {
      active = take(tracer, options, upgrade);
    }, "an upgrade could not be traced")();
    return contexts.with(active, run);
  });
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
}

/** The context that its listeners run in. */
function take(tracer: Tracer, options: UpgradeOptions, { request, socket }: Upgrade): Context {
  const { isNoise, extract, route } = options;
  if (isNoise(request)) return silence(ROOT_CONTEXT);
  const parent = extract
    ? extract(request.headers, defaultTextMapGetter)
    : propagation.extract(ROOT_CONTEXT, request.headers);
  const span = openServerSpan(tracer, request, parent);
  if (span.isRecording()) {
    firstWrite(
      socket,
      guarded((text: string | undefined) => {
        nameByRoute(span, request, routeOf(request, route));
        describeAnswer(span, text);
        span.end();
      }, "an upgrade was lost"),
    );
  }
  return trace.setSpan(parent, span).setValue(UPGRADE, true);
}

const UPGRADE = createContextKey("throughline.upgrade");

/** Whether this runs in the trace of an upgrade, whose SERVER span is there. */
export function isInUpgrade(context: Context): boolean {
  return context.getValue(UPGRADE) === true;
}

const STATUS = /^HTTP\/1\.[01] (\d{3})\b/;

function describeAnswer(span: Span, text: string | undefined): void {
  if (text === undefined) span.setAttribute(names.ABORTED, true);
  const status = STATUS.exec(text ?? "")?.[1];
  if (status === undefined) return;
  span.setAttribute(names.HTTP_RESPONSE_STATUS_CODE, Number(status));
  if (Number(status) < 500) return;
  span.setAttribute(names.ERROR_TYPE, status);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

type Around = (upgrade: Upgrade, run: () => boolean) => boolean;
type Emit = (this: Server | SecureServer, ...args: unknown[]) => boolean;

/** A patch, because no channel of Node's tells of an upgrade (20 to 26). `run` calls what was there before. */
function wrapUpgrades(around: Around): () => void {
  let on = true;
  const undo = [Server, SecureServer].map(({ prototype }) => {
    const own = Object.getOwnPropertyDescriptor(prototype, "emit");
    // An inherited one is looked up at each call: who patches it later is not passed by.
    const original: Emit = own
      ? (prototype.emit as Emit)
      : function (...args) {
          const inherited: { readonly emit: Emit } = Object.getPrototypeOf(prototype);
          return Reflect.apply(inherited.emit, this, args);
        };
    const emit: Emit = function (...args) {
      if (args[0] !== "upgrade" || !on || !isUpgrade(args)) return Reflect.apply(original, this, args);
      const [, request, socket] = args;
      return around({ request, socket }, () => Reflect.apply(original, this, args));
    };
    Object.defineProperty(prototype, "emit", { value: emit, configurable: true, writable: true });
    return () => {
      // Somebody who patched after us keeps their patch; ours is passed through.
      if ((prototype.emit as Emit) !== emit) return;
      if (own) Object.defineProperty(prototype, "emit", own);
      else Reflect.deleteProperty(prototype, "emit");
    };
  });
  return () => {
    on = false;
    for (const each of undo) each();
  };
}

/** Anybody may emit anything. */
function isUpgrade(args: readonly unknown[]): args is [string, IncomingMessage, Duplex, ...unknown[]] {
  const [, request, socket] = args as [string, Partial<IncomingMessage>?, Partial<Duplex>?];
  return typeof request?.headers === "object" && typeof socket?.write === "function";
}
