import {
  type BadValue,
  type Env,
  type Given,
  readSettings,
  SettingsError,
  tracingSettings,
} from "@throughline/core";
import { sentencesOf, withoutBadName, withoutSignals } from "./bad-values.ts";
import { type ServerSettings, serverSettings } from "./settings-table.ts";
import type { SpanLimits } from "./tracer/span-attributes.ts";

/** What a process runs with. */
export interface ServerConfig extends ServerSettings {
  /** Where they go is told wrongly: neither the server's own leave nor the browser's. */
  readonly signalsOff: readonly ("logs" | "metrics")[];
}

/**
 * The settings of this process, or `undefined` where tracing is off; what is wrong is told to `warn`, a sentence for
 * each bad value that tracing goes on with or one for all where it does not, and only where somebody asked for tracing.
 */
export function readServerConfig(
  given: Given<ServerSettings>,
  warn: (text: string) => void,
  env: Env = process.env,
): ServerConfig | undefined {
  if (isOff(env)) return undefined;
  const bad: BadValue<ServerSettings>[] = [];
  const tell = (value: BadValue<ServerSettings>): void => void bad.push(value);
  try {
    const settings = readSettings(serverSettings, withoutBadName(given, tell), env, tell);
    if (!settings.enabled || settings.sdkDisabled) return undefined;
    for (const sentence of sentencesOf(bad, settings)) warn(sentence);
    return withoutSignals(settings, bad);
  } catch (error) {
    const problems = error instanceof SettingsError ? error.problems : [String(error)];
    const all = new Set([...problems, ...bad.map(({ problem }) => problem)]);
    warn(
      `tracing stays off: ${[...all].join("; ")}. Correct or unset the setting and restart; the app runs without it.`,
    );
    return undefined;
  }
}

/** What Next.js says of its bundler before it reads next.config: Turbopack, and `auto` where nobody chose it. */
export function turbopackFlag(): string | undefined {
  return process.env.TURBOPACK || undefined;
}

/** Share of new traces that are kept, and where the number comes from. */
export function sampleRatioOf(config: ServerConfig): { readonly ratio: number; readonly why: string } {
  if (config.sampleRatio >= 0) return { ratio: config.sampleRatio, why: "as set" };
  return config.nodeEnv === "production"
    ? { ratio: 0.1, why: "the default in production, OTEL_TRACES_SAMPLER_ARG=1 keeps all" }
    : { ratio: 1, why: "the default outside production" };
}

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#span-limits */
export function spanLimitsOf(config: ServerConfig): SpanLimits {
  return {
    attributes: config.attributeCountLimit,
    valueLength: config.attributeLengthLimit,
    events: config.eventCountLimit,
    links: config.linkCountLimit,
  };
}

/** The folder of this app's build below the app's, and the app's below where the build was started; Next.js writes both in. */
export function nextFolders(): { readonly build: string; readonly project: string } {
  return {
    build: process.env.__NEXT_RELATIVE_DIST_DIR ?? ".next",
    project: process.env.__NEXT_RELATIVE_PROJECT_DIR ?? "",
  };
}

/** The app's base path, which Next.js writes into what it bundles; empty elsewhere. */
function basePath(): string {
  return process.env.__NEXT_ROUTER_BASEPATH ?? "";
}

/** What the bundle of an app knows of it: Next.js and `withTracing` have written it in. */
export interface BuiltApp {
  readonly basePath: string;
  readonly ingestPath?: string;
  /** The share that its pages were built with; `undefined` without `withTracing`. */
  readonly webRatio?: number;
}

export function builtApp(): BuiltApp {
  const [ingestPath, ratio] = [
    process.env.THROUGHLINE_BUILT_INGEST_PATH,
    process.env.THROUGHLINE_BUILT_WEB_RATIO,
  ];
  return {
    basePath: basePath(),
    ...(ingestPath && { ingestPath }),
    ...(ratio && { webRatio: Number(ratio) }),
  };
}

/** Other origins that this app's pages send `traceparent` to; of what `withTracing` has written in for them. */
export function builtPropagateTo(): readonly string[] {
  const web = JSON.parse(process.env.THROUGHLINE_WEB || "{}") as { readonly propagateTo?: readonly string[] };
  return web.propagateTo ?? [];
}

/** The browser starts most traces, so it takes the share the server would. */
export function webRatio(server: ServerConfig): number {
  if (server.sampler.endsWith("always_on")) return 1;
  if (server.sampler.endsWith("always_off")) return 0;
  return sampleRatioOf(server).ratio;
}

/** Whether Next.js makes more of its spans than to give them to a tracer: performance marks, the dev server's own page. */
export function nextMeasuresItsSpans(): boolean {
  return Boolean(process.env.NEXT_OTEL_PERFORMANCE_PREFIX || process.env.__NEXT_DEV_SERVER);
}

/** The environment where it describes the platform instead of setting something. */
export function platformEnv(): Env {
  return process.env;
}

/** Which variable keeps a process untraced whose settings hold no mistake. */
export function reasonOff(env: Env = process.env): string {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true") return "OTEL_SDK_DISABLED=true";
  return env.OTEL_ENABLED?.trim() ? `OTEL_ENABLED=${env.OTEL_ENABLED}` : "OTEL_ENABLED is not set";
}

export interface DoorSettings {
  /** Empty: none. */
  readonly token: string;
  /** Whether the doctor is told without a token too. */
  readonly isOpen: boolean;
  readonly ingestPath: string;
}

/** Who may ask a process for more than its pages, and where, also while tracing is off. */
export function doorSettings(env: Env = process.env): DoorSettings {
  return {
    token: env.THROUGHLINE_FLUSH_TOKEN?.trim() ?? "",
    isOpen: env.NODE_ENV === "development" || env.NODE_ENV === "test",
    ingestPath: env.THROUGHLINE_INGEST_PATH?.trim() || tracingSettings.ingestPath.fallback,
  };
}

function isOff(env: Env): boolean {
  const enabled = env.OTEL_ENABLED?.trim().toLowerCase() ?? "";
  return enabled === "" || enabled === "false" || env.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true";
}
