// Loaded into one measured server: takes its tracing off and puts it back while it runs, so that a process is compared
// with itself. Off is what an app without tracing has: nobody listens to node:http and undici or has patched them, and
// OpenTelemetry's API has no provider. Commands come as lines over a socket, because a request would be traced itself.
const dc = require("node:diagnostics_channel");
const http = require("node:http");
const https = require("node:https");
const { syncBuiltinESMExports } = require("node:module");
const { createServer } = require("node:net");
const { createInterface } = require("node:readline");

const API = Symbol.for("opentelemetry.js.api.1");
const KIT = Symbol.for("throughline.server");

const channels = new Set();
const { channel, subscribe } = dc;
dc.channel = (name) => {
  const found = channel(name);
  channels.add(found);
  return found;
};
dc.subscribe = (name, listener) => {
  channels.add(channel(name));
  subscribe(name, listener);
};

/** What tracing may patch, as it was before. */
const methods = [
  [http.ServerResponse.prototype, "writeHead"],
  ...[http, https].flatMap((owner) => ["request", "get"].map((name) => [owner, name])),
].map(([owner, name]) => ({ owner, name, native: owner[name] }));

function setMethods(methodOf) {
  for (const method of methods) method.owner[method.name] = methodOf(method);
  syncBuiltinESMExports();
}

syncBuiltinESMExports();

/** What was taken off; undefined while tracing is on. */
let taken;

function takeOff() {
  if (taken) return;
  const api = globalThis[API];
  const listeners = [...channels].flatMap((each) =>
    [...(each._subscribers ?? [])].map((listener) => [each, listener]),
  );
  if (listeners.length === 0 || !api?.trace || !api.context)
    throw new Error("no tracing was found to take off; is OTEL_ENABLED true?");
  const { trace, context, propagation } = api;
  taken = { listeners, api: { trace, context, propagation }, provider: trace.getDelegate() };
  for (const [each, listener] of listeners) each.unsubscribe(listener);
  for (const method of methods) method.patched = method.owner[method.name];
  setMethods(({ native }) => native);
  context.disable();
  for (const name in taken.api) delete api[name];
  // The copy of the API that registered it goes on asking it.
  trace.setDelegate(new NoopTracerProvider(new trace.constructor().getDelegate()));
}

/** Next.js makes no spans where the provider has this name, and a minified copy of the API has another. */
class NoopTracerProvider {
  constructor(inner) {
    this.inner = inner;
  }
  getTracer(...tracer) {
    return this.inner.getTracer(...tracer);
  }
}

function putBack() {
  if (!taken) return;
  const { listeners, provider, api } = taken;
  for (const [each, listener] of listeners) each.subscribe(listener);
  setMethods(({ patched }) => patched);
  api.trace.setDelegate(provider);
  Object.assign(globalThis[API], api);
  taken = undefined;
}

const flush = () => Promise.all([...(globalThis[KIT]?.flushers ?? [])].map((each) => each()));

const COMMANDS = {
  on: putBack,
  off: takeOff,
  /** What a traced turn leaves to export belongs to it. */
  settle: () => (taken ? undefined : flush()),
};

async function answer(command) {
  try {
    await COMMANDS[command]();
    const { user, system } = process.cpuUsage();
    return { cpuUs: user + system };
  } catch (error) {
    return { error: String(error) };
  }
}

createServer((socket) => {
  createInterface({ input: socket }).on("line", async (line) =>
    socket.write(`${JSON.stringify(await answer(line))}\n`),
  );
})
  .listen(Number(process.env.BENCH_TOGGLE_PORT), "127.0.0.1")
  .unref();
