// The command line of `npm run demo`.
import { parseArgs } from "node:util";

const PORTS = {
  "shop-port": { variable: "SHOP_PORT", fallback: 3000, what: "the shop" },
  "collector-port": {
    variable: "COLLECTOR_PORT",
    fallback: 4318,
    what: "collector (OTLP over HTTP) and viewer",
  },
  "collector-grpc-port": {
    variable: "COLLECTOR_GRPC_PORT",
    fallback: 4317,
    what: "collector (OTLP over gRPC)",
  },
  "inventory-port": { variable: "INVENTORY_PORT", fallback: 4001, what: "the inventory service" },
  "database-port": { variable: "DATABASE_PORT", fallback: 5433, what: "the database" },
};

/** `{ help }`, or `{ ports, exitAfterReady }`; throws an Error whose message is one sentence. */
export function readOptions(argv, env) {
  const { values } = parseArgs({
    args: argv,
    options: {
      ...Object.fromEntries(Object.keys(PORTS).map((name) => [name, { type: "string" }])),
      "exit-after-ready": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const ports = Object.entries(PORTS).map(([name, { variable, fallback }]) => {
    const fromFlag = values[name] !== undefined;
    const text = values[name] ?? (env[variable] || String(fallback));
    return [name, parsePort(text, fromFlag ? `--${name}` : variable)];
  });
  return { help: values.help, exitAfterReady: values["exit-after-ready"], ports: Object.fromEntries(ports) };
}

export function helpText() {
  const rows = Object.entries(PORTS).map(
    ([name, { variable, fallback, what }]) =>
      `  --${`${name} <n>`.padEnd(25)}${what}; default ${fallback}, or ${variable}`,
  );
  return [
    "npm run demo: installs, builds and starts the shop, its inventory service, its database and the collector.",
    "",
    "  npm run demo -- [options]",
    "",
    ...rows,
    "  --exit-after-ready         start everything, then stop it again",
    "  --help                     this text",
    "",
    "A busy port gives way to the next free one. DATABASE_URL uses a Postgres of yours instead of the built-in one.",
  ].join("\n");
}

function parsePort(text, origin) {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new Error(`${origin}=${text} is no port; give a whole number from 1 to 65535`);
}
