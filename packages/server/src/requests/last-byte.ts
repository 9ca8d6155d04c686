import type { ServerResponse } from "node:http";

/**
 * Tells when the last byte of a response went to the operating system, as `performance.now`; `undefined` while it has
 * not. `finish` comes later: Node emits it when the JavaScript that ran meanwhile is done, and by then the caller may
 * long have the answer. `prefinish` is emitted within `end()`; what the system did not take at once (a slow reader,
 * TLS) is still in the socket then, and gone with `finish`.
 */
export function watchLastByte(response: ServerResponse): () => number | undefined {
  let sentAt: number | undefined;
  // Each comes once; `once` would make two objects more.
  response.on("prefinish", () => {
    if (response.socket?.writableLength === 0) sentAt = performance.now();
  });
  response.on("finish", () => {
    sentAt ??= performance.now();
  });
  return () => sentAt;
}
