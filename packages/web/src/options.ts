import { DEFAULT_INGEST_PATH } from "@throughline/core/attributes";
import type { Consent } from "./identity/consent.ts";
import type { WebInstrument } from "./instrument.ts";
import { parseUrl } from "./request/parse-url.ts";

export interface WebTracingOptions {
  /** What to trace besides clicks and `fetch`: `[tracePageLoad(), traceErrors()]`. */
  readonly instruments?: readonly WebInstrument[] | undefined;
  /** The name of this frontend in traces; default `web`. */
  readonly serviceName?: string | undefined;
  /** Where OTLP/JSON traces are posted: a URL, or a path of the page's origin; default `/api/tl/v1/traces`. */
  readonly endpoint?: string | undefined;
  /** Foreign origins that may receive `traceparent`, exact: `https://api.example.com`. */
  readonly propagateTo?: readonly string[] | undefined;
  /** `off`: no request carries `traceparent`, not even to the page's own origin. */
  readonly propagation?: "same-origin" | "off" | undefined;
  /**
   * What the visitor allows; default `granted`. `pending` holds spans in memory until `setConsent`, `denied` traces
   * nothing, `gpc` is `denied` where the browser sends Global Privacy Control.
   */
  readonly consent?: Consent | undefined;
  /** URL prefixes that are never traced, absolute or starting with `/`. */
  readonly ignoreUrls?: readonly string[] | undefined;
  /** Share of traces that are kept, 0 to 1; default 1. */
  readonly sampleRatio?: number | undefined;
  /** Said of every span: `{ "deployment.environment.name": "staging" }`. */
  readonly resourceAttributes?: Readonly<Record<string, string>> | undefined;
}

/** Options made sane: nothing is missing, and the endpoint is a whole URL. */
export type WebConfig = { readonly [K in keyof WebTracingOptions]-?: NonNullable<WebTracingOptions[K]> };

/** How options become a config; what is wrong with them is thrown. */
export type ReadOptions = (options: WebTracingOptions, pageUrl: string) => WebConfig;

/**
 * Reads the options against the address of the page.
 * @throws Error that names every bad option, its value and the cure.
 */
export const readWebOptions: ReadOptions = (options, pageUrl) => {
  const config = withDefaults(options);
  const problems = (Object.entries(checksOf()) as [keyof WebConfig, Check][]).flatMap(
    ([name, [isGood, expected]]) =>
      isGood(config[name], pageUrl) ? [] : `${name}=${JSON.stringify(config[name])}: expected ${expected}`,
  );
  if (problems[0]) throw new Error(problems.join("; "));
  return resolve(config, pageUrl);
};

/** For options that were checked when the app was built: the checks are 0.6 kB. */
export const readCheckedOptions: ReadOptions = (options, pageUrl) => resolve(withDefaults(options), pageUrl);

function resolve(config: WebConfig, pageUrl: string): WebConfig {
  return {
    ...config,
    endpoint: new URL(config.endpoint, pageUrl).href,
    propagateTo: config.propagateTo.map((text) => new URL(text).origin),
  };
}

function withDefaults(options: WebTracingOptions): WebConfig {
  const defaults: WebConfig = {
    instruments: [],
    serviceName: "web",
    endpoint: DEFAULT_ENDPOINT,
    propagateTo: [],
    propagation: "same-origin",
    consent: "granted",
    ignoreUrls: [],
    sampleRatio: 1,
    resourceAttributes: {},
  };
  const given = Object.entries(options).filter(([name, value]) => name in defaults && value != null);
  return { ...defaults, ...Object.fromEntries(given) };
}

const DEFAULT_ENDPOINT = `${DEFAULT_INGEST_PATH}/v1/traces`;

/** Whether a value is good, and what would be. */
type Check = readonly [isGood: (value: unknown, pageUrl: string) => boolean, expected: string];

// A function, so that bundlers leave it out where nothing is checked.
const checksOf = (): Readonly<Record<keyof WebConfig, Check>> => ({
  instruments: [
    (value) => Array.isArray(value) && value.every((each) => typeof each === "function"),
    "a list: [traceXhr()]",
  ],
  serviceName: [(value) => isTexts([value]), "a name"],
  endpoint: [isHttpUrl, "a path or a URL"],
  propagateTo: [
    (value) => isTexts(value, /^[^*]+$/) && value.every(isOrigin),
    'a list: ["https://api.test"]',
  ],
  propagation: oneOf("same-origin", "off"),
  consent: oneOf("granted", "pending", "denied", "gpc"),
  ignoreUrls: [(value) => isTexts(value, /^(\/|http)/), 'a list: ["/healthz"]'],
  sampleRatio: [(value) => typeof value === "number" && value >= 0 && value <= 1, "a number from 0 to 1"],
  resourceAttributes: [(value) => Object(value) === value && isTexts(Object.values(Object(value))), "texts"],
});

function oneOf(...values: readonly unknown[]): Check {
  return [(value) => values.includes(value), values.map((value) => JSON.stringify(value)).join(" or ")];
}

function isTexts(values: unknown, pattern = /./): values is readonly string[] {
  return Array.isArray(values) && values.every((value) => typeof value === "string" && pattern.test(value));
}

/** As `parseOrigin` of core, without its texts: ours names the option too. */
function isOrigin(text: string): boolean {
  const url = parseUrl(text);
  return url?.href === `${url?.origin}/`;
}

function isHttpUrl(text: unknown, base: string): boolean {
  return isTexts([text]) && isTexts([parseUrl(String(text), base)?.protocol], /^https?:$/);
}
