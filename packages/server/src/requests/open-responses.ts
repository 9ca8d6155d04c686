import { ServerResponse } from "node:http";

/**
 * The responses that are being made now. Next.js listens before it loads instrumentation.ts, and lets the requests
 * that come meanwhile wait: nothing has told us of them. The two names are Node's own and undocumented; without them
 * these first requests have a trace, and no Server-Timing.
 */
export function openResponses(): readonly ServerResponse[] {
  const host = process as { _getActiveHandles?: () => readonly unknown[] };
  const sockets = (host._getActiveHandles?.() ?? []) as readonly { _httpMessage?: unknown }[];
  return sockets.map((socket) => socket?._httpMessage).filter((message) => message instanceof ServerResponse);
}
