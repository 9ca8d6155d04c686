import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer as createGrpcServer } from "node:http2";
import { createServer as createSecureServer } from "node:https";
import { createRequire } from "node:module";
import type { AddressInfo, Server, Socket } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCertificate } from "../fixtures/self-signed.ts";
import type { GatewayOptions } from "./gateway.ts";

/** One thing that is broken, and how it is to be named. */
export interface Seed {
  readonly name: string;
  readonly code: string;
  readonly says: RegExp;
  /** Of the app's process. */
  readonly env?: Readonly<Record<string, string>>;
  /** What stands where the app sends its spans; `undefined`: the collector of these tests. */
  readonly collector?: () => Promise<Listening>;
  /** Behind the collector's address. */
  readonly path?: string;
  /** Another origin, which the gateway's page talks to. */
  readonly other?: () => Promise<Listening>;
  readonly gateway?: (other: string) => GatewayOptions;
  /** Whether it takes a browser to see it. */
  readonly isInPage?: boolean;
  /** Changes a copy of the built app. */
  readonly spoil?: (folder: string) => void;
}

export interface Listening {
  readonly url: string;
  readonly stop: () => void;
}

export async function listen(server: Server | HttpServer, scheme = "http"): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function nothingThere(): Promise<Listening> {
  const { url, stop } = await listen(createHttpServer());
  stop();
  return { url, stop };
}

const answering =
  (status: number, headers: Readonly<Record<string, string>> = {}) =>
  (): Promise<Listening> =>
    listen(
      createHttpServer(
        (request, response) =>
          void request.resume().once("end", () => response.writeHead(status, headers).end("{}")),
      ),
    );

const silent = (): Promise<Listening> => listen(createHttpServer(() => undefined));

/** A page with the `<script>` build, traced as `options` say. */
function scriptPage(options: string, then = ""): GatewayOptions {
  const script = readFileSync(createRequire(import.meta.url).resolve("@throughline/web/script"), "utf8");
  const html = `<!doctype html><meta charset="utf-8"><title>seeded</title><script src="/seeded.js"></script><script>Throughline.startWebTracing({ ${options} });${then}</script>`;
  return {
    pages: {
      "/": { type: "text/html", text: html },
      "/seeded.js": { type: "text/javascript", text: script },
    },
  };
}

const UNSAMPLED = `00-${"1".repeat(32)}-${"2".repeat(16)}-00`;
const POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; connect-src https://api.example.com";

/** The twelve of which traces are most often missing, some in more than one form, and others besides. */
export const SEEDS: readonly Seed[] = [
  { name: "a wrong port", collector: nothingThere, code: "collector-unreachable", says: /ECONNREFUSED/ },
  { name: "a wrong path", path: "/otlp", code: "wrong-path", says: /\/otlp\/v1\/traces .*status 404/ },
  {
    name: "a collector that asks for a key",
    collector: answering(401),
    code: "unauthorized",
    says: /status 401/,
  },
  {
    name: "a collector that does not answer",
    collector: silent,
    code: "collector-slow",
    says: /no answer within 5000 ms/,
  },
  {
    name: "a certificate that nobody signed",
    collector: () => listen(createSecureServer(createCertificate()), "https"),
    code: "certificate",
    says: /self-signed|self signed/,
  },
  {
    name: "a collector that fails",
    collector: answering(500),
    code: "collector-refuses",
    says: /status 500/,
  },
  {
    name: "gRPC to a port of HTTP",
    collector: answering(200),
    env: { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    code: "protocol-mix",
    says: /\(grpc\)/,
  },
  {
    name: "HTTP to a port of gRPC",
    collector: () => listen(createGrpcServer()),
    code: "protocol-mix",
    says: /\(http\/protobuf\)/,
  },
  {
    name: "requests that another server does not allow",
    other: answering(200),
    isInPage: true,
    gateway: (other) => scriptPage(`propagateTo: ["${other}"]`, `fetch("${other}/stock").catch(() => 0)`),
    code: "cors-denied",
    says: /refuses the page's request to .*\/stock/,
  },
  {
    name: "a path of the app's own that leads to a store which allows no header",
    other: answering(200, { "access-control-allow-origin": "*" }),
    isInPage: true,
    gateway: (other) => ({
      ...scriptPage("", 'fetch("/api/files/7").catch(() => 0)'),
      redirects: { "/api/files/7": `${other}/7?signature=abc` },
    }),
    code: "cors-denied",
    says: /request to \S*\/api\/files\/7, which is led on to http:\/\/[\d.:]+: \w+ traceparent/,
  },
  {
    name: "posts that another server does not allow",
    other: answering(200),
    isInPage: true,
    gateway: (other) => scriptPage(`endpoint: "${other}/v1/traces"`),
    code: "cors-denied",
    says: /may not post to .*\/v1\/traces/,
  },
  {
    name: "a policy without the app's own origin",
    isInPage: true,
    gateway: () => ({
      back: (headers) => void Object.assign(headers, { "content-security-policy": POLICY }),
    }),
    code: "csp-denied",
    says: /connect-src/,
  },
  {
    name: "a gateway that keeps nothing",
    gateway: () => ({ onward: (headers) => void Object.assign(headers, { traceparent: UNSAMPLED }) }),
    code: "unsampled-parent",
    says: new RegExp(UNSAMPLED),
  },
  {
    name: "a gateway that keeps nothing of who names no trace",
    gateway: () => ({
      onward: (headers) => void Object.assign(headers, { traceparent: headers.traceparent ?? UNSAMPLED }),
    }),
    code: "unsampled-parent",
    says: new RegExp(UNSAMPLED),
  },
  {
    name: "a gateway that clears the flag",
    gateway: () => ({
      onward: (headers) =>
        void Object.assign(headers, {
          traceparent: String(headers.traceparent ?? UNSAMPLED).replace(/1$/, "0"),
        }),
    }),
    code: "unsampled-parent",
    says: /-00 arrives, and was not sent/,
  },
  {
    name: "a sampler that keeps nothing",
    env: { OTEL_TRACES_SAMPLER: "always_off" },
    code: "nothing-exported",
    says: /always_off/,
  },
  {
    name: "a proxy that takes the header away",
    gateway: () => ({ onward: (headers) => void Reflect.deleteProperty(headers, "traceparent") }),
    code: "trace-header-lost",
    says: /does not arrive/,
  },
  {
    name: "no propagator",
    env: { OTEL_PROPAGATORS: "none" },
    code: "no-propagator",
    says: /OTEL_PROPAGATORS=none/,
  },
  { name: "two copies of the api", spoil: nestApi, code: "duplicate-api", says: /nested-lib has 1\.99\.0/ },
  {
    name: "a register that is never called",
    spoil: (folder) => rmSync(join(folder, ".next/server/instrumentation.js")),
    code: "register-not-called",
    says: /register has not run/,
  },
  {
    name: "tracing that nobody turned on",
    env: { OTEL_ENABLED: "" },
    code: "disabled",
    says: /OTEL_ENABLED is not set/,
  },
  {
    name: "a sampler argument of 2",
    env: { OTEL_TRACES_SAMPLER_ARG: "2" },
    code: "bad-setting",
    says: /OTEL_TRACES_SAMPLER_ARG="2"/,
  },
  {
    name: "another tracer that was there first",
    env: {
      NODE_OPTIONS: `--require ${fileURLToPath(new URL("../fixtures/server-app/sentry.cjs", import.meta.url))}`,
      SENTRY_FILE: "/dev/null",
    },
    code: "start-failed",
    says: /@sentry\/node .*has registered OpenTelemetry before/,
  },
  {
    name: "an exporter that is none",
    env: { OTEL_TRACES_EXPORTER: "none" },
    code: "nothing-exported",
    says: /OTEL_TRACES_EXPORTER=none/,
  },
  {
    name: "a network that filters the path",
    gateway: () => ({ cut: "/api/tl" }),
    code: "export-blocked",
    says: /\/api\/tl/,
  },
];

/** A dependency with an api of its own, newer than the one that is registered. */
function nestApi(folder: string): void {
  const write = (path: string, content: object): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), JSON.stringify(content));
  };
  write("package.json", { name: "shop", dependencies: { "nested-lib": "1" } });
  write("node_modules/nested-lib/package.json", { name: "nested-lib", version: "1.0.0" });
  write("node_modules/nested-lib/node_modules/@opentelemetry/api/package.json", {
    name: "@opentelemetry/api",
    version: "1.99.0",
  });
}
