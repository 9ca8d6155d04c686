// Where Next.js keeps what it has found out about a request.
const NEXT_META = Symbol.for("NextInternalRequestMeta");

/** What Next.js answers with where no route does. */
const NO_ROUTES: readonly unknown[] = ["/_not-found", "/_error", "/404", "/500"];

export function isRoute(route: unknown): route is string {
  return typeof route === "string" && !NO_ROUTES.includes(route);
}

/** The route of a request without Next.js's spans: they may belong to another tracer, or not know it. */
export function routeByNext(request: object): string | undefined {
  const meta: { readonly match?: { readonly definition?: { readonly pathname?: unknown } } } | undefined =
    Reflect.get(request, NEXT_META);
  const pathname = meta?.match?.definition?.pathname;
  return isRoute(pathname) ? pathname : undefined;
}
