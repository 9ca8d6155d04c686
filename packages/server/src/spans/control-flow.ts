/** How Next.js left a function on purpose. */
export type ControlFlow = "redirect" | "notFound" | "forbidden" | "unauthorized" | "dynamic";

// The digests of what Next.js throws to steer: next/dist/client/components/unstable-rethrow.server.js lists them.
// The first word that a digest starts with counts.
const FLOWS: readonly (readonly [start: string, flow: ControlFlow])[] = [
  ["NEXT_REDIRECT", "redirect"],
  ["NEXT_HTTP_ERROR_FALLBACK;404", "notFound"],
  ["NEXT_HTTP_ERROR_FALLBACK;403", "forbidden"],
  ["NEXT_HTTP_ERROR_FALLBACK;401", "unauthorized"],
  ["NEXT_HTTP_ERROR_FALLBACK", "notFound"],
  ["NEXT_NOT_FOUND", "notFound"],
  ["DYNAMIC_SERVER_USAGE", "dynamic"],
  ["BAILOUT_TO_CLIENT_SIDE_RENDERING", "dynamic"],
  ["HANGING_PROMISE_REJECTION", "dynamic"],
  ["NEXT_PRERENDER_INTERRUPTED", "dynamic"],
];

/** What Next.js wanted with this error; `undefined` for a failure. */
export function controlFlowOf(error: unknown): ControlFlow | undefined {
  if (typeof error !== "object" || error === null || !("digest" in error)) return undefined;
  const { digest } = error;
  if (typeof digest !== "string") return undefined;
  return FLOWS.find(([start]) => digest.startsWith(start))?.[1];
}

/** Whether Next.js threw this to steer, not because something failed. */
export function isControlFlow(error: unknown): boolean {
  return controlFlowOf(error) !== undefined;
}
