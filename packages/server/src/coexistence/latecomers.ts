import { DiagLogLevel, diag } from "@opentelemetry/api";
import { warnOnce } from "../log.ts";

const API = Symbol.for("opentelemetry.js.api.1");
const REFUSED = /duplicate registration of API: trace\b/;

/**
 * Says who tries to register OpenTelemetry after us and is refused, which it learns from nobody: the api tells its
 * diagnostic logger, and there is none by default. Returns the undoing.
 */
export function tellLatecomers(): () => void {
  const globals = globalThis as { [API]?: { readonly diag?: unknown } };
  // Somebody reads the diagnostics already, and hears of it.
  if (globals[API]?.diag) return () => undefined;
  const ignore = (): void => undefined;
  const error = (message: string): void => {
    if (!REFUSED.test(message)) return;
    warnOnce(
      `${whoCalled(message)} wanted to register OpenTelemetry too, came second, and gets no spans: they are all sent to your collector. Call it before register() and say register({ mode: "join" }) or "isolate" to feed both; docs/server/coexistence.md compares them.`,
    );
  };
  diag.setLogger(
    { error, warn: ignore, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
  return () => diag.disable();
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
