import { type Env, parseText, parseUrl, readSettings, type SettingsTable } from "@throughline/core";

/** What the fixture takes from the environment. */
export interface FixtureSettings {
  /** Base URL of the collector that the app exports to. */
  readonly collectorUrl: string;
  /** Secret of the app's flush route; empty: the server is not asked to flush. */
  readonly flushToken: string;
  /** Width of failure messages, in characters. */
  readonly columns: number;
}

// The address, not "localhost": a collector that was told an address, or another backend, may bind 127.0.0.1 alone.
export const DEFAULT_COLLECTOR_URL = "http://127.0.0.1:4318";

export const fixtureSettings: SettingsTable<FixtureSettings> = {
  collectorUrl: {
    env: ["THROUGHLINE_COLLECTOR_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    parse: parseUrl,
    fallback: DEFAULT_COLLECTOR_URL,
  },
  flushToken: { env: ["THROUGHLINE_FLUSH_TOKEN"], parse: parseText, fallback: "" },
  columns: { env: ["COLUMNS"], parse: parseColumns, fallback: 100 },
};

/**
 * Reads the fixture's settings; an empty `collectorUrl` counts as not given.
 * @throws SettingsError naming the variable, its text and the cure.
 */
export function readFixtureSettings(collectorUrl = "", env: Env = process.env): FixtureSettings {
  const given = collectorUrl === "" ? {} : { collectorUrl: parseUrl(collectorUrl) };
  return readSettings(fixtureSettings, given, env);
}

// A terminal's width is never worth a failed test: clamp it.
function parseColumns(text: string): number {
  const columns = Number.parseInt(text, 10);
  return Number.isNaN(columns) ? 100 : Math.min(Math.max(columns, 80), 200);
}
