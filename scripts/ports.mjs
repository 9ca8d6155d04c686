// Which loopback port a server can have.
import { connect, createServer } from "node:net";

const TRIES = 100;

/** `preferred` if nothing uses it, else the next free one; 0 lets the system choose. `taken` are spoken for. */
export async function freePort(preferred, taken = new Set()) {
  if (preferred === 0) return systemPort();
  for (let port = preferred; port < Math.min(preferred + TRIES, 65_536); port++) {
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(
    `throughline: no free port from ${preferred} to ${preferred + TRIES - 1}; name another one`,
  );
}

/** Resolves once something accepts connections on `port`. */
export async function portAnswers(port, signal) {
  while (!(await accepts(port, "127.0.0.1"))) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function isFree(port) {
  // Connecting finds a server that listens on every address, which binding to one address may not.
  if ((await accepts(port, "127.0.0.1")) || (await accepts(port, "::1"))) return false;
  return (await bind(port)) !== undefined;
}

async function systemPort() {
  const port = await bind(0);
  if (port === undefined) throw new Error("throughline: the system gave no free port on 127.0.0.1");
  return port;
}

function accepts(port, host) {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.setTimeout(1000, () => end(false));
  });
}

function bind(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1" }, () => {
      const bound = server.address().port;
      server.close(() => resolve(bound));
    });
  });
}
