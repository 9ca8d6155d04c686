// The ways in which the measured app is traced, and a server of each.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../ports.mjs";
import { createProcesses, saysLine } from "../processes.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const next = join(root, "node_modules/next/dist/bin/next");

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

const serviceOf = (name) => `bench ${name}`;

/** Children that are asked for their cost: `startVariant` needs both. */
export function createProbed() {
  const probes = new Map();
  const processes = createProcesses({
    onLine(name, line) {
      if (!line.startsWith("bench-probe ")) return;
      probes.get(name)?.(JSON.parse(line.slice("bench-probe ".length)));
      probes.delete(name);
    },
  });
  return { processes, probes };
}

/** `next start` of a variant, with the probe in it; `profile` is a folder for its CPU profile. */
export async function startVariant(name, folder, { env, profile, processes, probes }) {
  const port = await freePort(0);
  const service = serviceOf(name);
  const profiling = profile
    ? ["--cpu-prof", `--cpu-prof-dir=${join(process.cwd(), profile, name.replace(/\W+/g, "-"))}`]
    : [];
  const { child } = await processes.start({
    name: service,
    args: [...profiling, next, "start", "-p", String(port), "-H", "127.0.0.1"],
    cwd: folder,
    env: {
      ...VARIANTS[name].env,
      ...env,
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      OTEL_SERVICE_NAME: service,
      NODE_OPTIONS: `--require=${join(root, "scripts/bench-server/cpu-probe.cjs")}`,
    },
    ready: saysLine(/Ready in/),
  });
  const probe = () =>
    new Promise((resolve) => {
      probes.set(service, resolve);
      child.kill("SIGUSR2");
    });
  return { name, url: `http://127.0.0.1:${port}`, probe };
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
