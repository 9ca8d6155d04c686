import type { AsyncLocalStorage } from "node:async_hooks";
import type { Context, ContextManager } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";

export interface ContextStorage {
  readonly manager: ContextManager;
  /** Makes a context the active one for the rest of the running request; OpenTelemetry knows only a callback's length. */
  enter(context: Context): void;
}

/** OpenTelemetry's context manager, with a way to enter a context where no callback is: in a diagnostics channel. */
export function createContextStorage(): ContextStorage {
  const manager = new AsyncLocalStorageContextManager();
  // Private by its type only; the bundle holds this version, and a test enters a context.
  const { _asyncLocalStorage: storage } = manager as unknown as {
    _asyncLocalStorage: AsyncLocalStorage<Context>;
  };
  return { manager, enter: (context) => storage.enterWith(context) };
}
