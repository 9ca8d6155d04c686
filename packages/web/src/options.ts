import { parseOrigin } from "@throughline/core";
import { DEFAULT_INGEST_PATH } from "@throughline/core/attributes";

export interface WebTracingOptions {
  /** The name of this frontend in traces; default `web`. */
  readonly serviceName?: string | undefined;
  /** Where OTLP/JSON traces are posted: a URL, or a path of the page's origin; default `/api/tl/v1/traces`. */
  readonly endpoint?: string | undefined;
  /** Foreign origins that may receive `traceparent`, exact: `https://api.example.com`. */
  readonly propagateTo?: readonly string[] | undefined;
  /** `off`: no request carries `traceparent`, not even to the page's own origin. */
  readonly propagation?: "same-origin" | "off" | undefined;
  /** URL prefixes that are never traced, absolute or starting with `/`. */
  readonly ignoreUrls?: readonly string[] | undefined;
  /** Share of traces that are kept, 0 to 1; default 1. */
  readonly sampleRatio?: number | undefined;
  /** Said of every span: `{ "deployment.environment.name": "staging" }`. */
  readonly resourceAttributes?: Readonly<Record<string, string>> | undefined;
}

/** Options made sane: nothing is missing, and the endpoint is a whole URL. */
export type WebConfig = { readonly [K in keyof WebTracingOptions]-?: NonNullable<WebTracingOptions[K]> };

/**
 * Reads the options against the address of the page.
 * @throws Error that names every bad option, its value and the cure.
 */
export function readWebOptions(options: WebTracingOptions, pageUrl: string): WebConfig {
  const config: WebConfig = {
    serviceName: options.serviceName ?? "web",
    endpoint: options.endpoint ?? `${DEFAULT_INGEST_PATH}/v1/traces`,
    propagateTo: options.propagateTo ?? [],
    propagation: options.propagation ?? "same-origin",
    ignoreUrls: options.ignoreUrls ?? [],
    sampleRatio: options.sampleRatio ?? 1,
    resourceAttributes: options.resourceAttributes ?? {},
  };
  const checks: readonly (readonly [keyof WebConfig, boolean, string])[] = [
    ["serviceName", isText(config.serviceName), 'a name such as "shop-web"'],
    [
      "endpoint",
      parseHttpUrl(config.endpoint, pageUrl) !== undefined,
      `a path such as "${DEFAULT_INGEST_PATH}/v1/traces" or an http(s) URL`,
    ],
    [
      "propagateTo",
      isTexts(config.propagateTo) && config.propagateTo.every(isOrigin),
      'exact origins such as ["https://api.example.com"], without path, query or wildcard',
    ],
    [
      "propagation",
      config.propagation === "same-origin" || config.propagation === "off",
      '"same-origin" or "off"',
    ],
    ["ignoreUrls", isTexts(config.ignoreUrls), 'URL prefixes such as ["/healthz"]'],
    [
      "sampleRatio",
      config.sampleRatio >= 0 && config.sampleRatio <= 1,
      "a number from 0 (keep no trace) to 1 (keep every trace)",
    ],
    [
      "resourceAttributes",
      isTexts(Object.values(config.resourceAttributes)),
      'texts by name such as { "service.version": "1.2.3" }',
    ],
  ];
  const problems = checks
    .filter(([, good]) => !good)
    .map(([name, , expected]) => `${name}=${JSON.stringify(config[name])}: expected ${expected}`);
  if (problems.length > 0) throw new Error(problems.join("; "));
  return {
    ...config,
    endpoint: new URL(config.endpoint, pageUrl).href,
    propagateTo: config.propagateTo.map(parseOrigin),
  };
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isTexts(values: unknown): boolean {
  return Array.isArray(values) && values.every(isText);
}

function isOrigin(text: string): boolean {
  try {
    return parseOrigin(text) !== "";
  } catch {
    return false;
  }
}

function parseHttpUrl(text: string, base: string): URL | undefined {
  if (!isText(text) || !URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  return /^https?:$/.test(url.protocol) ? url : undefined;
}
