import { parseOrigin, parseUrlPrefix } from "@throughline/core";
import { collectorOrigins } from "../ingest/forward-url.ts";
import type { RegisterOptions } from "../register-options.ts";
import type { ServerConfig } from "../settings.ts";
import type { CallRules } from "./calls.ts";

/**
 * The rules for requests that go out, of the settings and the options.
 * @throws Error where an origin or URL is none.
 */
export function callRules(config: ServerConfig, options: RegisterOptions): CallRules {
  const { propagateTo, ignoreUrls = [] } = options;
  return {
    ignoredOrigins: collectorOrigins(config),
    ignoreUrls: ignoreUrls.map(parseUrlPrefix),
    propagateTo: propagateTo?.map(parseOrigin),
    propagators: config.propagators,
    followsParent: config.sampler === "" || config.sampler.startsWith("parentbased"),
  };
}
