import type { Duplex } from "node:stream";

/** What an answer begins with is read, and no more. */
const HEAD_BYTES = 32;

type Write = (this: Duplex, ...args: unknown[]) => unknown;

/**
 * Tells with what a socket is first written to, once, before it is; `undefined` where it closes without. An upgrade is
 * answered in the socket itself, by whoever takes it, and nothing else tells how. The methods are the socket's own again
 * before that write is done.
 */
export function firstWrite(socket: Duplex, tell: (text: string | undefined) => void): void {
  const done = (text: string | undefined): void => {
    for (const undo of undos.splice(0)) undo();
    socket.removeListener("close", onClose);
    tell(text);
  };
  const onClose = (): void => done(undefined);
  const undos = (["write", "end"] as const).map((name) =>
    replace(socket, name, (chunk) => {
      const text = textOf(chunk);
      // `end()` alone says nothing.
      if (text !== undefined && undos.length > 0) done(text);
    }),
  );
  socket.on("close", onClose);
}

function replace(socket: Duplex, name: "write" | "end", look: (chunk: unknown) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(socket, name);
  const original = socket[name] as Write;
  const looking: Write = function (...args) {
    look(args[0]);
    return Reflect.apply(original, this, args);
  };
  Object.defineProperty(socket, name, { value: looking, configurable: true, writable: true });
  return () => {
    // Who has put one in the place of ours keeps it.
    if ((socket[name] as Write) !== looking) return;
    if (own) Object.defineProperty(socket, name, own);
    else Reflect.deleteProperty(socket, name);
  };
}

function textOf(chunk: unknown): string | undefined {
  if (typeof chunk === "string") return chunk.slice(0, HEAD_BYTES);
  if (!(chunk instanceof Uint8Array)) return undefined;
  return Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.byteLength, HEAD_BYTES)).toString(
    "latin1",
  );
}
