import { channel } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";

type Request = (...args: unknown[]) => ClientRequest;

/** Calls `listener` with each new request of node:http and node:https, before anything of it is sent. */
export function onRequestCreated(listener: (request: ClientRequest) => void): () => void {
  return tellsOfCreation(process.versions.node) ? subscribe(listener) : patch(listener);
}

/** Node tells of it from 22.12 on. https://nodejs.org/api/diagnostics_channel.html#http */
export function tellsOfCreation(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 2) || (major === 22 && minor >= 12);
}

function subscribe(listener: (request: ClientRequest) => void): () => void {
  const created = channel("http.client.request.created");
  const on = (message: unknown): void => listener((message as { request: ClientRequest }).request);
  created.subscribe(on);
  return () => created.unsubscribe(on);
}

/**
 * The only patch of this folder. The functions are called as they were, with the same arguments; what they give back
 * is what is looked at.
 */
function patch(listener: (request: ClientRequest) => void): () => void {
  let on = true;
  const undo = [http, https].flatMap((module) => {
    const request = module.request as Request;
    const traced: Request = function (this: unknown, ...args) {
      const created = Reflect.apply(request, this, args);
      if (on) listener(created);
      return created;
    };
    // Node's own get calls its own request, not the exported one, and has sent the headers when it returns.
    const tracedGet: Request = function (this: unknown, ...args) {
      const created = Reflect.apply(traced, this, args);
      created.end();
      return created;
    };
    return [replace(module, "request", traced), replace(module, "get", tracedGet)];
  });
  // Named ESM imports are copies.
  syncBuiltinESMExports();
  return () => {
    on = false;
    for (const each of undo) each();
    syncBuiltinESMExports();
  };
}

function replace(module: typeof http | typeof https, name: "request" | "get", by: Request): () => void {
  const host = module as unknown as Record<string, Request>;
  const original = host[name] as Request;
  Object.defineProperty(by, "name", { value: original.name, configurable: true });
  Object.defineProperty(by, "length", { value: original.length, configurable: true });
  host[name] = by;
  return () => {
    // Somebody who patched after us keeps their patch; ours is passed through.
    if (host[name] === by) host[name] = original;
  };
}
