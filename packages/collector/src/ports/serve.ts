import {
  type Collector,
  type CollectorOptions,
  createCollector,
  DEFAULT_MAX_BODY_BYTES,
} from "../collector.ts";
import { createListener, type Listener } from "./listener.ts";

export interface ServeOptions extends CollectorOptions {
  /** 4318 when left out; 0 takes a free one. */
  readonly port?: number | undefined;
  /** A second port with the same answers, for senders whose gRPC port is fixed; none when left out, 0 a free one. */
  readonly grpcPort?: number | undefined;
  /** Name or address to listen on; loopback, IPv4 and IPv6, when left out. */
  readonly host?: string | undefined;
  /** How long a request may say nothing before its connection is closed; 60 000 when left out. */
  readonly silenceMs?: number | undefined;
  /** Take the next free port when the given one is busy. */
  readonly portFallback?: boolean | undefined;
}

export interface RunningCollector {
  /** Where viewer, query API and OTLP/HTTP answer: `http://localhost:4318`. */
  readonly url: string;
  readonly port: number;
  readonly grpcPort: number | undefined;
  readonly collector: Collector;
  /** Closes every connection, the ports and the store. */
  stop(): Promise<void>;
}

/** A port that another process holds. */
export class PortBusyError extends Error {
  readonly port: number;

  constructor(port: number) {
    super(
      `throughline: port ${port} is in use by another process; stop it, or choose another port (0 takes a free one)`,
    );
    this.name = "PortBusyError";
    this.port = port;
  }
}

const DEFAULT_PORT = 4318;
const FALLBACK_PORTS = 20;

/**
 * Gives a collector its ports; each speaks OTLP/HTTP, gRPC, the query API and the viewer.
 * @throws PortBusyError when a port is taken and `portFallback` is not set.
 */
export async function startCollector(options: ServeOptions = {}): Promise<RunningCollector> {
  const host = options.host ?? "localhost";
  const addresses = host === "localhost" ? ["127.0.0.1", "::1"] : [host];
  const collector = createCollector({
    ...options,
    allowedHosts: [...(options.allowedHosts ?? []), ...namesOf(host)],
  });
  const open: Listener[] = [];
  const listen = async (port: number): Promise<number> => {
    const listener = createListener({
      handle: collector.handle,
      maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
      silenceMs: options.silenceMs,
    });
    open.push(listener);
    return listenOn(listener, addresses, port, options.portFallback === true);
  };
  const stop = async (): Promise<void> => {
    collector.close();
    await Promise.all(open.map((listener) => listener.stop()));
  };

  try {
    const wanted = options.port ?? DEFAULT_PORT;
    const port = await listen(wanted);
    const shared = options.grpcPort === undefined || (options.grpcPort === wanted && wanted !== 0);
    const second = shared ? port : await listen(options.grpcPort ?? 0);
    const grpcPort = options.grpcPort === undefined ? undefined : second;
    return { url: `http://${printedHost(host)}:${port}`, port, grpcPort, collector, stop: once(stop) };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function listenOn(
  listener: Listener,
  addresses: readonly string[],
  port: number,
  fallback: boolean,
): Promise<number> {
  const more = fallback || port === 0 ? FALLBACK_PORTS : 0;
  for (let attempt = 0; attempt <= more; attempt++) {
    try {
      return await listener.listen(addresses, port === 0 ? 0 : port + attempt);
    } catch (error) {
      await listener.stop();
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  throw new PortBusyError(port);
}

/** An address with a zone (`fe80::1%eth0`) can be bound, but stands in no URL. */
function namesOf(host: string): readonly string[] {
  const name = printedHost(host);
  return URL.canParse(`http://${name}`) ? [name] : [];
}

/** The host as it stands in a URL. */
function printedHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}
