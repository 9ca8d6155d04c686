// The ways in which the measured app is traced, and a server of each.
import { join } from "node:path";
import { startProbed } from "./probe.mjs";

const traced = (ratio) => ({
  OTEL_ENABLED: "true",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: String(ratio),
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
  // The same for both; the SDK's own default is five seconds.
  OTEL_BSP_SCHEDULE_DELAY: "1000",
  // The SDK would start exporters for these by itself.
  OTEL_METRICS_EXPORTER: "none",
  OTEL_LOGS_EXPORTER: "none",
});

export const VARIANTS = {
  none: { app: "none", env: {} },
  disabled: { app: "off", env: {} },
  "kit 10%": { app: "kit", env: traced(0.1) },
  "kit 100%": { app: "kit", env: traced(1) },
  "sdk 10%": { app: "sdk", env: traced(0.1) },
  "sdk 100%": { app: "sdk", env: traced(1) },
};

export const ROUTES = { plain: "/api/plain", fetch: "/api/fetch", page: "/page" };

export const serviceOf = (name) => `bench ${name}`;

/** A server of a variant; `profile` is a folder for its CPU profile. The rest is what `startProbed` takes. */
export async function startVariant(name, folder, { env, profile, ...options }) {
  const service = serviceOf(name);
  const nodeArgs = profile
    ? ["--cpu-prof", `--cpu-prof-dir=${join(process.cwd(), profile, name.replace(/\W+/g, "-"))}`]
    : [];
  const server = await startProbed(folder, {
    ...options,
    name: service,
    nodeArgs,
    env: { ...VARIANTS[name].env, ...env, OTEL_SERVICE_NAME: service },
  });
  return { ...server, name };
}

/** Rejects unless exactly the traced variants delivered: one that traces nothing would be the cheapest. */
export async function checkDelivered(servers, collector) {
  for (const { name } of servers) {
    const query = new URLSearchParams({ service: serviceOf(name), limit: "1" });
    const { traces } = await (await fetch(`${collector.url}/api/traces?${query}`)).json();
    const isTraced = VARIANTS[name].env.OTEL_ENABLED === "true";
    if (traces.length > 0 !== isTraced)
      throw new Error(
        `bench: "${name}" delivered ${isTraced ? "no spans" : "spans"}; its figures would say nothing`,
      );
  }
}
