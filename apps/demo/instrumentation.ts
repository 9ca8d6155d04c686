import { register as registerTracing } from "@throughline/server";

export { onRequestError } from "@throughline/server";

export function register(): Promise<void> {
  return registerTracing({
    instrumentations: async () => {
      if (process.env.NEXT_RUNTIME === "nodejs") {
        const { PgInstrumentation } = await import("@opentelemetry/instrumentation-pg");
        return [new PgInstrumentation({ ignoreConnectSpans: true, requireParentSpan: true })];
      }
      return [];
    },
  });
}
