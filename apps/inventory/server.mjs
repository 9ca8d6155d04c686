import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { startTracing } from "@throughline/server/node";

await startTracing({
  route: ({ url = "/" }) => (/^\/(stock|healthz)(\?|$)/.test(url) ? url.split("?", 1)[0] : undefined),
});

const WAREHOUSES = ["Hamburg", "Lyon", "Poznan"];

const STOCK = new Map([
  ["fountain-pen", 42],
  ["graph-notebook", 170],
  ["blue-black-ink", 96],
  ["cedar-pencils", 240],
  ["brass-ruler", 5],
  ["wax-seal-kit", 0],
]);

/** What is left of an article; one nobody counted yet has a number made from its name, the same every time. */
function stockOf(sku) {
  const sum = [...sku].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return { sku, available: STOCK.get(sku) ?? sum % 25, warehouse: WAREHOUSES[sum % WAREHOUSES.length] };
}

function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://inventory.local");
  if (request.method !== "GET") return answer(response, 405, { error: "only GET is answered here" });
  if (url.pathname === "/healthz") return answer(response, 200, { ok: true });
  if (url.pathname !== "/stock") return answer(response, 404, { error: "try /stock?sku=brass-ruler" });
  const sku = url.searchParams.get("sku");
  if (!sku) return answer(response, 400, { error: "sku is missing; try /stock?sku=brass-ruler" });
  return answer(response, 200, stockOf(sku));
});

const { values } = parseArgs({ options: { port: { type: "string" } } });
server.listen(Number(values.port ?? process.env.PORT ?? 4001), "127.0.0.1", () => {
  console.log(`inventory ready on http://127.0.0.1:${server.address().port}`);
});

process.once("SIGTERM", () => {
  server.close();
  server.closeIdleConnections();
});
