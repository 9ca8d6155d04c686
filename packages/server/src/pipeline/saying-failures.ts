import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { sayRarely } from "../log.ts";

interface Exporter<T> {
  export(items: T, done: (result: ExportResult) => void): void;
}

/** The same exporter, which tells of a failure at most once a minute; upstream's tell it only where a developer listens. */
export function sayingFailures<T, E extends Exporter<T>>(
  exporter: E & Exporter<T>,
  print: (items: T, reason: string) => string,
): E {
  const say = sayRarely(60_000);
  const original = exporter.export.bind(exporter);
  exporter.export = (items, done): void =>
    original(items, (result) => {
      if (result.code === ExportResultCode.FAILED)
        say(print(items, result.error?.message ?? "no reason given"));
      done(result);
    });
  return exporter;
}
