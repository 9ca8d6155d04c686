import { expect, test } from "vitest";
import { readFixtureSettings } from "./settings.ts";

const env = {
  THROUGHLINE_COLLECTOR_URL: "http://127.0.0.1:4400/",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4500",
};

test("the collector is the option, else its own variable, else the export endpoint, else the loopback default", () => {
  expect(readFixtureSettings("http://127.0.0.1:1/", env).collectorUrl).toBe("http://127.0.0.1:1");
  expect(readFixtureSettings("", env).collectorUrl).toBe("http://127.0.0.1:4400");
  expect(readFixtureSettings("", { ...env, THROUGHLINE_COLLECTOR_URL: "" }).collectorUrl).toBe(
    "http://127.0.0.1:4500",
  );
  expect(readFixtureSettings("", {}).collectorUrl).toBe("http://127.0.0.1:4318");
});

test("a bad address names the variable", () => {
  expect(() => readFixtureSettings("", { THROUGHLINE_COLLECTOR_URL: "127.0.0.1" })).toThrow(
    /THROUGHLINE_COLLECTOR_URL="127.0.0.1"/,
  );
});

test("a terminal of any width gives a readable width", () => {
  expect(
    ["20", "120", "9999", "wide"].map((COLUMNS) => readFixtureSettings("", { COLUMNS }).columns),
  ).toEqual([80, 120, 200, 100]);
});
