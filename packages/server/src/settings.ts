import {
  type Env,
  type Given,
  parseInteger,
  parseText,
  readSettings,
  SettingsError,
  type SettingsTable,
  type TracingConfig,
  tracingSettings,
} from "@throughline/core";

/** {@link TracingConfig} plus what only the server needs. */
export interface ServerConfig extends TracingConfig {
  /** Opens `POST <ingest>/flush` to test runs; empty: the door does not exist. */
  readonly flushToken: string;
  /** Largest post the ingest route takes, after decompression. */
  readonly ingestMaxBytes: number;
  /** `NODE_ENV`, which decides the default share of kept traces. */
  readonly nodeEnv: string;
}

export const serverSettings: SettingsTable<ServerConfig> = {
  ...tracingSettings,
  flushToken: { env: ["THROUGHLINE_FLUSH_TOKEN"], parse: parseText, fallback: "" },
  ingestMaxBytes: {
    env: ["THROUGHLINE_INGEST_MAX_BYTES"],
    parse: parseInteger(1, 64 * 1024 * 1024),
    fallback: 1024 * 1024,
  },
  nodeEnv: { env: ["NODE_ENV"], parse: parseText, fallback: "" },
};

const PROPAGATORS = ["tracecontext", "baggage", "none"];

/**
 * The settings of this process, or `undefined` where tracing is off; what is wrong is told to `warn` in one
 * sentence, and only where somebody asked for tracing.
 */
export function readServerConfig(
  given: Given<ServerConfig>,
  warn: (text: string) => void,
  env: Env = process.env,
): ServerConfig | undefined {
  if (isOff(env)) return undefined;
  try {
    const config = readSettings(serverSettings, given, env);
    const unknown = config.propagators.find((name) => !PROPAGATORS.includes(name));
    if (unknown !== undefined) {
      throw new SettingsError([
        `OTEL_PROPAGATORS has ${JSON.stringify(unknown)}: expected ${PROPAGATORS.join(", ")}`,
      ]);
    }
    return config.enabled && !config.sdkDisabled ? config : undefined;
  } catch (error) {
    const problems = error instanceof SettingsError ? error.problems.join("; ") : String(error);
    warn(
      `tracing stays off: ${problems}. Correct or unset the setting and restart; the app runs without it.`,
    );
    return undefined;
  }
}

/** Share of new traces that are kept, and where the number comes from. */
export function sampleRatioOf(config: ServerConfig): { readonly ratio: number; readonly why: string } {
  if (config.sampleRatio >= 0) return { ratio: config.sampleRatio, why: "as set" };
  return config.nodeEnv === "production"
    ? { ratio: 0.1, why: "the default in production, OTEL_TRACES_SAMPLER_ARG=1 keeps all" }
    : { ratio: 1, why: "the default outside production" };
}

/** Next.js reads this on every fetch; its own CLIENT span sends no `traceparent` and would double ours. */
export function leaveFetchToUs(): void {
  process.env.NEXT_OTEL_FETCH_DISABLED ??= "1";
}

/** The folder of this app's build; Next.js writes its name in when it bundles us. */
export function buildFolder(): string {
  // Not path.join: Turbopack takes that for a file access of unknown path, and ships the whole project.
  return `${process.cwd()}/${process.env.__NEXT_RELATIVE_DIST_DIR ?? ".next"}`;
}

/** The app's base path, which Next.js writes into what it bundles; empty elsewhere. */
export function basePath(): string {
  return process.env.__NEXT_ROUTER_BASEPATH ?? "";
}

function isOff(env: Env): boolean {
  const enabled = env.OTEL_ENABLED?.trim().toLowerCase() ?? "";
  return enabled === "" || enabled === "false" || env.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true";
}
