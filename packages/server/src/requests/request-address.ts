import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { isIP } from "node:net";

export interface ServerAddress {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/**
 * As the caller asked, where a proxy in between tells it; any text can stand in its header, and a caller must not choose
 * how many series of the metrics there are.
 */
export function schemeOf({ headers, socket }: IncomingMessage): string {
  const told = (
    forwardedOf(headers.forwarded, "proto") ?? first(headers["x-forwarded-proto"])
  )?.toLowerCase();
  if (told === "http" || told === "https") return told;
  return "encrypted" in socket ? "https" : "http";
}

/** The host that the caller asked for, as the proxies in between tell it. https://www.rfc-editor.org/rfc/rfc7239 */
export function serverAddressOf(headers: IncomingHttpHeaders, scheme: string): ServerAddress {
  const forwarded = forwardedOf(headers.forwarded, "host");
  const host = forwarded ?? first(headers["x-forwarded-host"]) ?? headers.host;
  if (host === undefined) return { address: undefined, port: undefined };
  const outer =
    forwarded === undefined ? first(headers["x-forwarded-proto"]) : forwardedOf(headers.forwarded, "proto");
  return splitHost(host, outer ?? scheme);
}

export interface AskedHeaders {
  readonly forwarded?: string | undefined;
  readonly "x-forwarded-host"?: string | string[] | undefined;
  readonly host?: string | undefined;
}

/** The hosts, with their ports, that the caller and the proxies in between asked for; each may have added its own. */
export function hostsAsked(headers: AskedHeaders): readonly string[] {
  const added = [headers["x-forwarded-host"] ?? []].flat().flatMap((text) => text.split(","));
  return [forwardedOf(headers.forwarded, "host") ?? "", ...added, headers.host ?? ""]
    .map((host) => host.trim())
    .filter((host) => host !== "");
}

/** The address that the first proxy saw; `undefined` where none tells, or something that is none (`unknown`, any text). */
export function clientAddressOf(headers: IncomingHttpHeaders): string | undefined {
  const told = [forwardedOf(headers.forwarded, "for"), first(headers["x-forwarded-for"])];
  return told
    .map((address) => address && splitHost(address, "").address)
    .find((address) => address !== undefined && isIP(address) !== 0);
}

function splitHost(host: string, scheme: string): ServerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(host);
  // A bare IPv6 address.
  if (!match) return { address: host, port: standardPort(scheme) };
  const [, six, name, port] = match;
  return { address: six ?? name, port: port === undefined ? standardPort(scheme) : portOf(port) };
}

/** A caller can write any number. */
function portOf(digits: string): number | undefined {
  const port = Number(digits);
  return port <= 65_535 ? port : undefined;
}

function standardPort(scheme: string): number | undefined {
  if (scheme === "https") return 443;
  return scheme === "http" ? 80 : undefined;
}

function first(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text?.split(",", 1)[0]?.trim() || undefined;
}

function forwardedOf(header: string | undefined, key: string): string | undefined {
  if (header === undefined) return undefined;
  const nearest = header.split(",", 1)[0] ?? "";
  for (const pair of nearest.split(";")) {
    const [name = "", value = ""] = pair.split("=", 2);
    if (name.trim().toLowerCase() === key) return value.trim().replace(/^"(.*)"$/, "$1") || undefined;
  }
  return undefined;
}
