import { DiagConsoleLogger, type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import { diagLogLevelFromString } from "@opentelemetry/core";
import { warnOnce } from "../log.ts";
import type { DiagnosticsLevel } from "../settings-table.ts";

const API = Symbol.for("opentelemetry.js.api.1");
const REFUSED = /duplicate registration of API: trace\b/;

/** Has OpenTelemetry's parts tell on the console, where that is asked for and nobody reads them yet. */
export function printDiagnostics(level: DiagnosticsLevel): void {
  const logLevel = levelOf(level);
  if (logLevel !== undefined && !areRead()) diag.setLogger(new DiagConsoleLogger(), { logLevel });
}

/**
 * Says who tries to register OpenTelemetry after us and is refused, which it learns from nobody: the api tells its
 * diagnostic logger, and there is none by default. Prints the diagnostics too, from this level on. Returns the undoing.
 */
export function tellLatecomers(level: DiagnosticsLevel): () => void {
  // Somebody reads them already, and hears of it.
  if (areRead()) return () => undefined;
  const logLevel = levelOf(level);
  const printer = logLevel === undefined ? SILENT : new DiagConsoleLogger();
  const error = (message: string, ...rest: unknown[]): void => {
    if (!REFUSED.test(message)) {
      printer.error(message, ...rest);
      return;
    }
    warnOnce(
      `${whoCalled(message)} wanted to register OpenTelemetry too, came second, and gets no spans: they are all sent to your collector. Call it before register() and say register({ mode: "join" }) or "isolate" to feed both; docs/server/coexistence.md compares them.`,
    );
  };
  const { warn, info, debug, verbose } = printer;
  diag.setLogger(
    { error, warn, info, debug, verbose },
    { logLevel: logLevel ?? DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
  return () => diag.disable();
}

const ignore = (): void => undefined;
const SILENT: DiagLogger = { error: ignore, warn: ignore, info: ignore, debug: ignore, verbose: ignore };

function levelOf(level: DiagnosticsLevel): DiagLogLevel | undefined {
  return level === "none" ? undefined : diagLogLevelFromString(level);
}

function areRead(): boolean {
  const globals = globalThis as { [API]?: { readonly diag?: unknown } };
  return globals[API]?.diag !== undefined;
}

/** The package in the first frame of the stack that is not the api's own. */
function whoCalled(stack: string): string {
  for (const line of stack.split("\n")) {
    const [, file = "", name = ""] =
      /\(?((?:file:)?[^\s(]*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[^:)]*)/.exec(line) ?? [];
    // Next.js calls register(), in which a bundle has no file of its own package any more.
    if (name !== "" && name !== "next" && !/^@opentelemetry[\\/]api$/.test(name))
      return `${name.replace("\\", "/")} (${file.replace("file://", "")})`;
  }
  return "another package";
}
