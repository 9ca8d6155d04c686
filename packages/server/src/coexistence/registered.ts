import type { TracerProvider } from "@opentelemetry/api";
import { hostRequire } from "../host-files.ts";

/** A tracer provider that was registered before ours. */
export interface Registered {
  readonly provider: TracerProvider;
  /** The package, where it is known; else the provider's class. */
  readonly name: string;
  /** Name and, where it can be found, the file of the package: `@vercel/otel (/app/node_modules/…)`. */
  readonly described: string;
}

const API = Symbol.for("opentelemetry.js.api.1");

type Delegating = TracerProvider & { getDelegate?: () => TracerProvider };

interface Sdk {
  readonly _resource?: { readonly attributes?: Readonly<Record<string, unknown>> };
}

/** How the products give themselves away; their class names are gone once a bundler has been there. */
const KNOWN: readonly (readonly [name: string, is: (provider: TracerProvider) => boolean])[] = [
  ["@vercel/otel", (provider) => resourceOf(provider)?.["vercel.runtime"] !== undefined],
  ["dd-trace", () => Symbol.for("dd-trace") in globalThis],
  ["@sentry/node", (provider) => nameOf(provider).startsWith("Sentry")],
  ["@sentry/node", (provider) => resourceOf(provider) === undefined && "__SENTRY__" in globalThis],
];

/** Who has the global tracer provider; `undefined` while nobody has. */
export function findRegistered(): Registered | undefined {
  // Not asked of the api: its stand-in for nobody is told by a class name, which bundlers shorten.
  const global = (globalThis as { [API]?: { readonly trace?: Delegating } })[API]?.trace;
  if (!global) return undefined;
  const provider = global.getDelegate?.() ?? global;
  const name = KNOWN.find(([, is]) => is(provider))?.[0];
  return { provider, name: name ?? nameOf(provider), described: describe(name, provider) };
}

function describe(name: string | undefined, provider: TracerProvider): string {
  if (name === undefined) {
    const service = resourceOf(provider)?.["service.name"];
    const kind = nameOf(provider).length > 3 ? nameOf(provider) : "tracer provider";
    return `a ${kind}${service === undefined ? "" : ` for ${JSON.stringify(service)}`}`;
  }
  try {
    return `${name} (${hostRequire().resolve(name)})`;
  } catch {
    return name;
  }
}

function resourceOf(provider: TracerProvider): Readonly<Record<string, unknown>> | undefined {
  return (provider as Sdk)._resource?.attributes;
}

function nameOf(provider: TracerProvider): string {
  return provider.constructor.name;
}
