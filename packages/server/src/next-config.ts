import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseOrigin } from "@throughline/core";
import { DEFAULT_INGEST_PATH } from "@throughline/core/attributes";
import type { NextConfig } from "next";
import { quietLogging, withoutOverlay } from "./dev-config.ts";
import { errorText } from "./error-text.ts";
import { packagesToLeaveOut } from "./libraries/external-packages.ts";
import { warnOnce } from "./log.ts";
import { lowered } from "./lowered-code.ts";
import { appPackage } from "./package-name.ts";
import { readServerConfig, type ServerConfig, webRatio } from "./settings.ts";
import { tellUnknown } from "./unknown-options.ts";

/** What `withTracing` hands to the browser; everything has a default. */
export interface WebOptions {
  /** The browser's `service.name`; default: the server's with `-web` behind it. */
  readonly serviceName?: string;
  /** Exact foreign origins that may receive `traceparent`. */
  readonly propagateTo?: readonly string[];
  /** `off` keeps `traceparent` out of every request. */
  readonly propagation?: "same-origin" | "off";
  /**
   * What visitors allow before `setConsent` of `@throughline/web`: `granted` (default), `pending`, `denied`, or `gpc`,
   * which is `denied` where the browser sends Global Privacy Control.
   */
  readonly consent?: "granted" | "pending" | "denied" | "gpc";
  /** URL prefixes that are never traced. */
  readonly ignoreUrls?: readonly string[];
  /** What names a click: `text` (default) takes the text of buttons too, `attributes` only `aria-label` and their like. */
  readonly labels?: "text" | "attributes";
  /** Traces XMLHttpRequest, which axios uses, as `fetch`; default false. */
  readonly xhr?: boolean;
  /** Folder of the ingest route below the app's base path; default `/api/tl`. */
  readonly ingestPath?: string;
  /** Experiment: `await-hook` follows native `await` in the browser and leaves async functions as they are. */
  readonly context?: "await-hook";
  /** `classic`: OpenTelemetry's own provider, fetch instrumentation and zone.js in place of the light ones. */
  readonly preset?: "classic";
  /** Adds `next` to `transpilePackages`, so that server actions keep their click; default true, with a hook false. */
  readonly transpileNext?: boolean;
}

const WEB_OPTIONS: Readonly<Record<keyof WebOptions, true>> = {
  serviceName: true,
  propagateTo: true,
  propagation: true,
  consent: true,
  ignoreUrls: true,
  labels: true,
  xhr: true,
  ingestPath: true,
  context: true,
  preset: true,
  transpileNext: true,
};

type ConfigFunction = (
  phase: string,
  context: { defaultConfig: NextConfig },
) => NextConfig | Promise<NextConfig>;

const ENTRY = "@throughline/web/next";

/**
 * Adds browser tracing to a Next.js config, an object or a function. Without `OTEL_ENABLED=true` at build time, or
 * with a bad setting that stops tracing, the config comes back untouched.
 */
export function withTracing(config: NextConfig, options?: WebOptions): NextConfig;
export function withTracing(config: ConfigFunction, options?: WebOptions): ConfigFunction;
export function withTracing(
  config: NextConfig | ConfigFunction,
  given?: WebOptions,
): NextConfig | ConfigFunction {
  // Plain JavaScript may give `null`.
  const options = given ?? {};
  const server = readServerConfig({ ingestPath: options.ingestPath }, warnOnce);
  const folder = server ? configFolder() : "";
  const web = server && readWebOptions(server, options, folder);
  if (!web) return config;
  const add = (plain: NextConfig): NextConfig => traced(plain, web, options, folder);
  const addTo = (plain: NextConfig | Promise<NextConfig>) =>
    plain instanceof Promise ? plain.then(add) : add(plain);
  // Next.js waits for one that is a promise, too; its types do not say so.
  return typeof config === "function"
    ? (phase, context) => addTo(config(phase, context))
    : (addTo(config) as NextConfig);
}

const CALLER =
  /(?:at (?:async )?|\()((?:file:\/\/|[a-z]:\\|\/)[^\n]*[\\/]next\.config\.(?:compiled\.)?[cm]?[jt]s):\d+:\d+/i;

/** The folder of the next.config that calls: `next build apps/shop` runs elsewhere and does not say so. */
function configFolder(): string {
  const file = CALLER.exec(String(new Error("where").stack))?.[1];
  if (file === undefined) return process.cwd();
  return dirname(file.startsWith("file:") ? fileURLToPath(file) : file);
}

const CONSENTS: readonly unknown[] = ["granted", "pending", "denied", "gpc"];

interface ReadOptions {
  /** Not every session is sampled: the others load the stub alone. In dev each page has everything at once. */
  readonly isLazy: boolean;
  /** `next dev`; a build is none. */
  readonly isDev: boolean;
  readonly ingestPath: string;
  /** As `startWebTracing` takes them, without the endpoint. */
  readonly web: Readonly<Record<string, unknown>>;
}

function readWebOptions(server: ServerConfig, options: WebOptions, folder: string): ReadOptions | undefined {
  tellUnknown("withTracing", options, WEB_OPTIONS);
  const problems: string[] = [];
  const propagateTo = readOrigins(options.propagateTo, problems);
  if (!/^\/[^?#\s]*$/.test(server.ingestPath)) {
    problems.push(
      `ingestPath ${JSON.stringify(server.ingestPath)}: expected a path such as "${DEFAULT_INGEST_PATH}"`,
    );
  }
  if (options.labels !== undefined && !["text", "attributes"].includes(options.labels)) {
    problems.push(`labels ${JSON.stringify(options.labels)}: expected "text" or "attributes"`);
  }
  problems.push(...variantProblems(options), ...consentProblems(options), ...plainProblems(options));
  if (problems.length > 0) {
    warnOnce(`the browser is not traced: ${problems.join("; ")}. Correct it in next.config and build again.`);
    return undefined;
  }
  const name =
    server.serviceName ||
    server.resourceAttributes["service.name"] ||
    appPackage(folder).name ||
    "unknown_service";
  return {
    isLazy: webRatio(server) < 1 && server.nodeEnv === "production",
    isDev: server.nodeEnv === "development",
    ingestPath: server.ingestPath.replace(/\/$/, ""),
    web: {
      serviceName: options.serviceName ?? `${name}-web`,
      sampleRatio: webRatio(server),
      ...(propagateTo && { propagateTo }),
      ...(options.propagation && { propagation: options.propagation }),
      ...(options.consent && { consent: options.consent }),
      ...(options.ignoreUrls && { ignoreUrls: options.ignoreUrls }),
      ...(options.labels && { labels: options.labels }),
    },
  };
}

function readOrigins(given: WebOptions["propagateTo"], problems: string[]): readonly string[] | undefined {
  if (given === undefined) return undefined;
  if (!Array.isArray(given)) {
    problems.push(
      `propagateTo ${JSON.stringify(given)}: expected a list of origins such as ["https://api.example.com"]`,
    );
    return undefined;
  }
  return given.map((text) => {
    try {
      return parseOrigin(text);
    } catch (error) {
      problems.push(`propagateTo: ${errorText(error)}`);
      return text;
    }
  });
}

/** The browser starts with these as they are. */
function plainProblems({ serviceName, propagation, ignoreUrls, xhr }: WebOptions): readonly string[] {
  const checks = {
    serviceName: [serviceName, isText, 'a name such as "shop-web"'],
    propagation: [propagation, isPropagation, '"same-origin" or "off"'],
    ignoreUrls: [ignoreUrls, arePrefixes, 'prefixes such as ["/healthz"] or ["https://stats.example.com"]'],
    xhr: [xhr, isBoolean, "true or false"],
  } as const;
  return Object.entries(checks)
    .filter(([, [value, isGood]]) => value !== undefined && !isGood(value))
    .map(([name, [value, , expected]]) => `${name} ${JSON.stringify(value)}: expected ${expected}`);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

/** Of addresses: what has no scheme is the beginning of none. */
function arePrefixes(values: unknown): boolean {
  return Array.isArray(values) && values.every((value) => isText(value) && /^(\/|http)/.test(value));
}

function isPropagation(value: unknown): boolean {
  return value === "same-origin" || value === "off";
}

/** Plain JavaScript may write what the types refuse. */
function variantProblems({ context, preset }: WebOptions): readonly string[] {
  const problems: string[] = [];
  if (context !== undefined && context !== "await-hook") {
    problems.push(`context ${JSON.stringify(context)}: expected "await-hook" or nothing`);
  }
  if (preset !== undefined && preset !== "classic") {
    problems.push(`preset ${JSON.stringify(preset)}: expected "classic" or nothing`);
  }
  if (preset && context) {
    problems.push("preset and context: the hook needs the light context manager; leave one of the two out");
  }
  return problems;
}

function consentProblems({ consent }: WebOptions): readonly string[] {
  if (consent === undefined || CONSENTS.includes(consent)) return [];
  return [`consent ${JSON.stringify(consent)}: expected one of "${CONSENTS.join('", "')}"`];
}

function traced(
  config: NextConfig,
  { web, ingestPath, isLazy, isDev }: ReadOptions,
  options: WebOptions,
  folder: string,
): NextConfig {
  const hook = options.context === "await-hook";
  const variant = options.context ?? options.preset ?? (isLazy ? "lazy" : undefined);
  const entry = variant ? `${ENTRY}/${variant}` : ENTRY;
  const transpileNext = options.transpileNext ?? !hook;
  const transpiled = config.transpilePackages ?? [];
  // With the slash that Next.js would redirect to otherwise, which a post at the end of a page does not survive.
  const endpoint = `${config.basePath ?? ""}${ingestPath}/v1/traces${config.trailingSlash ? "/" : ""}`;
  const dev = isDev && { ignoreUrls: withoutOverlay(web.ignoreUrls, config) };
  return {
    ...config,
    ...(isDev && quietLogging(config, ingestPath)),
    env: {
      ...config.env,
      THROUGHLINE_WEB: JSON.stringify({ ...web, ...dev, endpoint, basePath: config.basePath }),
      THROUGHLINE_BUILT_INGEST_PATH: ingestPath,
      THROUGHLINE_BUILT_WEB_RATIO: String(web.sampleRatio),
    },
    instrumentationClientInject: [
      ...(config.instrumentationClientInject ?? []),
      ...(options.xhr ? [`${ENTRY}/xhr`] : []),
      entry,
    ],
    serverExternalPackages: external(config, folder),
    transpilePackages: transpileNext && !transpiled.includes("next") ? [...transpiled, "next"] : transpiled,
    ...(!hook && lowered(config, folder)),
  };
}

/** Next.js refuses a package that is to be both transpiled and left alone; the user's word holds. */
function external(
  { serverExternalPackages = [], transpilePackages = [] }: NextConfig,
  folder: string,
): string[] {
  const packages = packagesToLeaveOut(folder).filter((name) => !transpilePackages.includes(name));
  return [...new Set([...serverExternalPackages, ...packages])];
}
