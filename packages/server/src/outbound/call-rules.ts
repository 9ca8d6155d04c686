import { parseOrigin, parseUrlPrefix, type UrlPrefix } from "@throughline/core";
import { collectorUrls } from "../ingest/forward-url.ts";
import type { RegisterOptions } from "../register-options.ts";
import type { ServerConfig } from "../settings.ts";
import { createCallerTrust } from "./caller-trust.ts";
import type { CallRules } from "./calls.ts";
import type { PropagatorOptions } from "./propagator.ts";

/**
 * The rules for requests that go out, of the settings and the options.
 * @throws Error where an origin, a URL or a list of the options is none.
 */
export function callRules(config: ServerConfig, options: RegisterOptions): CallRules {
  // Read again later; a mistake is told here, before anything has been touched.
  if (options.trust !== "all") options.trust?.forEach(parseOrigin);
  const { propagateTo, ignoreUrls = [], acceptBaggage = [] } = options;
  // A text has `includes` too, and would take every key that is a part of it.
  if (!Array.isArray(acceptBaggage))
    throw new Error(`acceptBaggage ${JSON.stringify(acceptBaggage)}: expected a list of keys`);
  return {
    ignoreUrls: [
      ...collectorPrefixes(config),
      ...(config.nodeEnv === "development" ? NEXT_ITSELF : []),
      ...ignoreUrls.map(parseUrlPrefix),
    ],
    propagateTo: propagateTo?.map(parseOrigin),
    propagators: config.propagators,
    followsParent: config.sampler === "" || config.sampler.startsWith("parentbased"),
  };
}

/** `next dev` asks the registry whether there is a newer version of itself, and tells its makers how it is used. */
const NEXT_ITSELF: readonly UrlPrefix[] = [
  { origin: undefined, path: "/-/package/next/dist-tags" },
  { origin: "https://telemetry.nextjs.org", path: "/" },
];

function collectorPrefixes(config: ServerConfig): readonly UrlPrefix[] {
  const places = collectorUrls(config).map((text) => new URL(text));
  // At the root of a host nothing tells it from the rest of the app's.
  const apart = places.filter(({ pathname }) => pathname !== "/");
  return apart.map(({ origin, pathname: path }) => ({ origin, path }));
}

/** Whose traces are continued; in Next.js pages of the app's own origin, elsewhere everybody's. */
export function trustOf({ trust }: RegisterOptions, isNext: boolean): readonly string[] | "all" {
  return trust ?? (isNext ? [] : "all");
}

/** What the options say of callers. */
export interface Callers {
  readonly trust: readonly string[] | "all";
  readonly acceptBaggage: readonly string[] | undefined;
}

/** The request that is being taken in. */
export interface Served {
  isNoise(): boolean;
  traceId(): string | undefined;
}

/** What the propagator needs of the settings and the options. */
export function propagatorOptions(
  { propagators }: ServerConfig,
  { trust, acceptBaggage }: Callers,
  served: Served,
): PropagatorOptions {
  const all = trust === "all";
  return {
    propagators,
    trust: all
      ? undefined
      : createCallerTrust({
          origins: trust.map(parseOrigin),
          isOwn: (traceId) => served.traceId() === traceId,
        }),
    acceptBaggage: acceptBaggage ?? (all ? undefined : []),
    servesNoise: () => served.isNoise(),
  };
}
