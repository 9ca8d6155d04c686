import type { IncomingMessage } from "node:http";
import { isAssetPath, isHealthPath, isProbePath, isUnaskedPath } from "@throughline/core";
import { warnOfFailure } from "../log.ts";
import type { IgnoredRequest, RegisterOptions } from "../register-options.ts";

type Request = Pick<IncomingMessage, "url" | "headers" | "method">;
type Test = (request: IncomingMessage) => boolean;

/** Where the app is, and where it takes the browser's spans. */
export interface AppPaths {
  /** Patterns are written without it, as everywhere in Next.js. */
  readonly basePath: string;
  readonly ingestPath: string;
}

export interface NoiseOptions {
  /** Read at every request: in a custom server Next.js tells them after tracing has started. */
  readonly paths: AppPaths;
  readonly ignoreIncoming: RegisterOptions["ignoreIncoming"];
}

const PROBES =
  /^(?:kube-probe|ELB-HealthChecker|GoogleHC|Amazon-Route53-Health-Check|Consul Health Check|Envoy\/HC)/;
/** How the routers mark what they fetch before anybody asked for it: App Router, its segments, Pages Router. */
const PREFETCH = ["next-router-prefetch", "next-router-segment-prefetch", "x-middleware-prefetch"];

/**
 * Whether a request is noise: prefetched, a probe, a file of the build, the browser's own spans, or what the app
 * calls noise. Decided once a request, from its head alone. Throws where a pattern is none.
 */
export function createNoiseTest(options: NoiseOptions): Test {
  const { paths, ignoreIncoming = [] } = options;
  const only = "only" in ignoreIncoming ? ignoreIncoming.only : undefined;
  const asked = (only ?? (ignoreIncoming as readonly IgnoredRequest[])).map((each) => toTest(each, paths));
  return (request) => {
    const path = pathOf(request.url ?? "");
    if (isAssetPath(path) || isIngest(path, paths) || isPrefetch(request)) return true;
    if (only === undefined && isProbe(withoutBase(path, paths), request)) return true;
    return asked.some((test) => test(request));
  };
}

const INGEST = /\/(?:v1\/(?:traces|metrics|logs)|flush|doctor\/received)\/?$/;

/** By the end of the path, because Next.js's target starts with the app's basePath. */
export function isIngest(path: string, { ingestPath }: AppPaths): boolean {
  const end = INGEST.exec(path);
  return end !== null && path.slice(0, end.index).endsWith(ingestPath);
}

/** The path of a request's target, without the slash that `trailingSlash` puts behind it. */
export function pathOf(target: string): string {
  const cut = target.indexOf("?");
  const end = cut < 0 ? target.length : cut;
  return target.slice(0, end > 1 && target[end - 1] === "/" ? end - 1 : end);
}

function isPrefetch({ headers }: Request): boolean {
  return PREFETCH.some((name) => headers[name] !== undefined);
}

function isProbe(path: string, { headers }: Request): boolean {
  if (isProbePath(path) || isUnaskedPath(path) || PROBES.test(headers["user-agent"] ?? "")) return true;
  return isHealthPath(path) && headers["sec-fetch-dest"] === undefined && headers.rsc === undefined;
}

function withoutBase(path: string, { basePath }: AppPaths): string {
  if (basePath === "") return path;
  if (path === basePath) return "/";
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path;
}

function toTest(ignored: IgnoredRequest, paths: AppPaths): Test {
  if (typeof ignored === "function") return guarded(ignored);
  if (typeof ignored !== "string" || !ignored.startsWith("/")) {
    throw new Error(
      `ignoreIncoming has ${JSON.stringify(ignored)}: expected a path such as "/internal/*" or a function; correct it in register()`,
    );
  }
  // Without the slash at its end, as the paths that it is compared with.
  const escaped = ignored
    .replace(/(?<=.)\/$/, "")
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`^${escaped.join(".*")}$`);
  return (request) => pattern.test(withoutBase(pathOf(request.url ?? ""), paths));
}

/** The app's own test; one that throws has not said that the request is noise. */
function guarded(test: Test): Test {
  return (request) => {
    try {
      return test(request) === true;
    } catch (error) {
      warnOfFailure("a function in ignoreIncoming threw", error, "Correct it; the request is traced");
      return false;
    }
  };
}
