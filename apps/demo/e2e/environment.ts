// The environment of the processes under test; addresses are known once the global setup has started them.

/** What `next build` of the traced shop sees. */
export const buildEnv = {
  OTEL_ENABLED: "true",
  OTEL_SERVICE_NAME: "shop",
  OTEL_TRACES_SAMPLER_ARG: "1",
} as const;

/** What a traced process sees at run time. */
export function tracingEnv(serviceName: string): Record<string, string> {
  return {
    ...buildEnv,
    OTEL_SERVICE_NAME: serviceName,
    OTEL_EXPORTER_OTLP_ENDPOINT: process.env.THROUGHLINE_COLLECTOR_URL ?? "",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    ...shopEnv(),
  };
}

/** What the shop needs whether it is traced or not. */
export function shopEnv(): Record<string, string> {
  return {
    INVENTORY_URL: process.env.E2E_INVENTORY_URL ?? "",
    DATABASE_URL: process.env.E2E_DATABASE_URL ?? "",
    THROUGHLINE_VIEWER_URL: process.env.THROUGHLINE_COLLECTOR_URL ?? "",
    THROUGHLINE_FLUSH_TOKEN: process.env.THROUGHLINE_FLUSH_TOKEN ?? "",
  };
}

/** Places one order without a browser, as a caller with its own trace context. */
export function placeOrder(shopUrl: string, traceparent?: string): Promise<Response> {
  return fetch(`${shopUrl}/api/orders`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(traceparent ? { traceparent } : {}) },
    body: JSON.stringify({ sku: "cedar-pencils" }),
  });
}
