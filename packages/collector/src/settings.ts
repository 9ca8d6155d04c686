import {
  type Env,
  parseInteger,
  parseList,
  parseOneOf,
  parseOrigin,
  parseText,
  readSettings,
  type SettingsTable,
} from "@throughline/core";
import { parseHost } from "./access.ts";

/** What the command line can set. */
export interface CliSettings {
  readonly port: number;
  readonly grpcPort: number;
  readonly host: string;
  readonly store: "memory" | "sqlite";
  /** Empty: a file for this port in the user's cache folder. */
  readonly file: string;
  readonly maxMb: number;
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: readonly string[];
  /** Set to anything: no colours, https://no-color.org */
  readonly noColour: string;
}

/** Names a flag as its user wrote it; flags and variables share one table, so both are checked alike. */
export type Flag = `--${string}`;

const parsePort = parseInteger(0, 65_535);

const table: SettingsTable<CliSettings> = {
  port: { env: ["--port", "THROUGHLINE_COLLECTOR_PORT"], parse: parsePort, fallback: 4318 },
  grpcPort: { env: ["--grpc-port", "THROUGHLINE_COLLECTOR_GRPC_PORT"], parse: parsePort, fallback: 4317 },
  host: { env: ["--host", "THROUGHLINE_COLLECTOR_HOST"], parse: parseText, fallback: "localhost" },
  store: {
    env: ["--store", "THROUGHLINE_COLLECTOR_STORE"],
    parse: parseOneOf("memory", "sqlite"),
    fallback: "sqlite",
  },
  file: { env: ["--file", "THROUGHLINE_COLLECTOR_FILE"], parse: parseText, fallback: "" },
  maxMb: {
    env: ["--max-mb", "THROUGHLINE_COLLECTOR_MAX_MB"],
    parse: parseInteger(1, 1_000_000),
    fallback: 256,
  },
  allowedOrigins: {
    env: ["THROUGHLINE_COLLECTOR_ALLOWED_ORIGINS"],
    parse: (text) => parseList(text).map(parseOrigin),
    fallback: [],
  },
  allowedHosts: {
    env: ["THROUGHLINE_COLLECTOR_ALLOWED_HOSTS"],
    parse: (text) => parseList(text).map(parseHost),
    fallback: [],
  },
  noColour: { env: ["NO_COLOR"], parse: parseText, fallback: "" },
};

/**
 * Settings of the command line: flag, else environment, else default.
 * @throws SettingsError with every problem at once.
 */
export function readCliSettings(flags: { readonly [flag: Flag]: string }): CliSettings {
  const env: Env = { ...process.env, ...flags };
  return readSettings(table, {}, env);
}
