import { expect, test } from "vitest";
import { logsTarget, printUrl } from "./signal-target.ts";

test("an address that is printed holds no credentials", () => {
  expect(printUrl("http://collector:4317")).toBe("http://collector:4317");
  expect(printUrl("https://ada:secret@otel.test/v1/traces?key=secret")).toBe(
    "https://otel.test/v1/traces?key=REDACTED",
  );
  expect(printUrl("https://otel.test/v1/traces#secret")).toBe("https://otel.test/v1/traces");
});

test("logs by grpc without an endpoint go to the port of grpc", () => {
  const settings = { endpoint: "http://localhost:4318", logsEndpoint: "", logsHeaders: {} };
  expect(logsTarget({ ...settings, logsProtocol: "grpc" }).url).toBe("http://localhost:4317");
  expect(logsTarget({ ...settings, logsProtocol: "" }).url).toBe("http://localhost:4318/v1/logs");
});
