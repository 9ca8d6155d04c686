export type WaitUntil = (promise: Promise<unknown>) => void;

interface RequestContexts {
  get?(): { waitUntil?(promise: Promise<unknown>): void } | undefined;
}

/** Whether this process runs on a host that may stop it between requests; such hosts tell Next.js so by this global. */
export function hostMayFreeze(): boolean {
  return requestContexts() !== undefined;
}

/** How the running request asks its host for time after the response; `undefined` where the process lives on anyway. */
export function hostWaitUntil(): WaitUntil | undefined {
  const request = requestContexts()?.get?.();
  if (!request?.waitUntil) return undefined;
  return (promise) => request.waitUntil?.(promise);
}

function requestContexts(): RequestContexts | undefined {
  return (globalThis as { [KEY]?: RequestContexts })[KEY];
}

const KEY = Symbol.for("@next/request-context");
