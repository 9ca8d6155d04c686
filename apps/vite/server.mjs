// A plain Node service: it serves what `vite build` left, and the API the page calls.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { startTracing } from "@throughline/server/node";

const API = { "/api/stock": "GET", "/api/orders": "POST", "/api/receipts": "GET" };
await startTracing({
  serviceName: process.env.OTEL_SERVICE_NAME ?? "vite-api",
  route: ({ url = "/" }) => Object.keys(API).find((path) => url.split("?", 1)[0] === path),
});

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".map": "application/json" };
const dist = new URL("./dist/", import.meta.url);
const collector = process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? "http://localhost:4318";

async function serveFile(pathname, response) {
  const name = pathname === "/" ? "index.html" : pathname.slice(1);
  const type = TYPES[extname(name)];
  if (!type || !URL.canParse(name, dist)) return response.writeHead(404).end();
  const file = new URL(name, dist);
  if (!file.href.startsWith(dist.href)) return response.writeHead(404).end();
  const content = await readFile(file).catch(() => undefined);
  if (!content) return response.writeHead(404).end();
  response
    .writeHead(200, { "content-type": type })
    .end(name === "index.html" ? withEndpoint(content) : content);
}

/** One build for every place: the page learns from its server where spans go. */
function withEndpoint(html) {
  const meta = `<meta name="otlp-endpoint" content="${new URL("/v1/traces", collector).href}">`;
  return html.toString().replace("</head>", `${meta}</head>`);
}

const server = createServer((request, response) => {
  const [pathname] = request.url.split("?", 1);
  if (!Object.hasOwn(API, pathname)) return serveFile(pathname, response);
  if (request.method !== API[pathname]) return response.writeHead(405, { allow: API[pathname] }).end();
  if (pathname === "/api/receipts") return response.end("one brass ruler\nend\n");
  response.writeHead(200, { "content-type": "application/json" });
  if (pathname === "/api/orders") return response.end('{"id":"1001"}');
  // As long as a database takes.
  return setTimeout(() => response.end('{"available":5}'), 100);
});
server.listen(Number(process.env.PORT ?? 4002), "127.0.0.1", () => {
  console.log(`vite app ready on http://127.0.0.1:${server.address().port}`);
});
process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
