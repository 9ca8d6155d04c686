export type WaitUntil = (promise: Promise<unknown>) => void;

/**
 * How the running request asks its host for time after the response; `undefined` where the process lives on anyway.
 * Hosts that freeze a process after its response tell Next.js so by this global.
 */
export function hostWaitUntil(): WaitUntil | undefined {
  const host = globalThis as { [key: symbol]: unknown };
  const requests = host[Symbol.for("@next/request-context")] as
    | { get?(): { waitUntil?(promise: Promise<unknown>): void } | undefined }
    | undefined;
  const request = requests?.get?.();
  if (!request?.waitUntil) return undefined;
  return (promise) => request.waitUntil?.(promise);
}
