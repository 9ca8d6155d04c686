import type { NextConfig } from "next";

/** Where Next.js's overlay asks for the source of a stack, below the app's base path. */
const OVERLAY = "/__nextjs_";

/** In `next dev`: the page's posts are no lines of the app's log, as far as Next.js's `logging` lets requests be told. */
export function quietLogging({ logging }: NextConfig, ingestPath: string): Pick<NextConfig, "logging"> {
  const requests = logging === false ? false : (logging?.incomingRequests ?? true);
  // The user's word holds; true is what Next.js does by itself.
  if (logging === false || requests === false) return {};
  const ignored = (requests !== true && requests.ignore) || [];
  const escaped = ingestPath.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // By the end of the path: what stands before it is the app's base path.
  const posts = new RegExp(`${escaped}/(?:v1/(?:traces|metrics|logs)|flush|doctor(?:/received)?)/?(?:\\?|$)`);
  return { logging: { ...logging, incomingRequests: { ignore: [...ignored, posts] } } };
}

/** In `next dev`: the overlay's requests are nobody's, in the browser as at the server. */
export function withoutOverlay(ignoreUrls: unknown, { basePath = "" }: NextConfig): readonly unknown[] {
  return [...(Array.isArray(ignoreUrls) ? (ignoreUrls as readonly unknown[]) : []), `${basePath}${OVERLAY}`];
}
