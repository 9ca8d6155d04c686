// The smallest shop that a trace can cross: a page with its own few-line tracer and a server with another.
// `?mode=` says what goes wrong. Spans are written by hand, so nothing under test makes its own evidence.
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface TracedShop {
  readonly url: string;
  stop(): Promise<void>;
}

interface ShopOptions {
  readonly collectorUrl: string;
  readonly flushToken: string;
  /** Called when a test asks for the collector's end. */
  readonly stopCollector: () => Promise<void>;
}

interface WireSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly path: string;
  readonly sku: string;
}

const SERVER = 2;
const CLIENT = 3;
const INVENTORY_DELAY_MS = 300;

export async function startTracedShop(options: ShopOptions): Promise<TracedShop> {
  const pending: WireSpan[] = [];
  const server = createServer((request, response) => {
    answer(options, pending, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: ShopOptions,
  pending: WireSpan[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://shop.test");
  const body = Buffer.concat(await request.toArray());
  if (url.pathname === "/api/tl/v1/traces") {
    await post(options.collectorUrl, body.toString());
    response.writeHead(202).end();
  } else if (url.pathname === "/api/tl/flush") {
    if (request.headers["x-throughline-flush-token"] !== options.flushToken) {
      response.writeHead(404).end();
      return;
    }
    await exportSpans(options.collectorUrl, pending.splice(0));
    response.writeHead(204).end();
  } else if (url.pathname === "/stop-collector") {
    await options.stopCollector();
    response.writeHead(204).end();
  } else if (url.pathname === "/api/orders") {
    placeOrder(options, pending, request, response, url);
  } else {
    response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
  }
}

function placeOrder(
  options: ShopOptions,
  pending: WireSpan[],
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): void {
  const mode = url.searchParams.get("mode");
  const sku = url.searchParams.get("sku") ?? "";
  const [, traceId, parentSpanId] = String(request.headers.traceparent ?? "").split("-");
  const joins = mode !== "ignored" && traceId !== undefined && parentSpanId !== undefined;
  const span: WireSpan = {
    service: "shop",
    traceId: joins ? traceId : hex(16),
    spanId: hex(8),
    ...(joins ? { parentSpanId } : {}),
    kind: SERVER,
    path: "/api/orders",
    sku,
  };
  pending.push(span);
  if (mode === "inventory") {
    const call = { ...span, spanId: hex(8), parentSpanId: span.spanId, kind: CLIENT, path: "/stock" };
    pending.push(call);
    const stock = { ...call, service: "inventory", spanId: hex(8), parentSpanId: call.spanId, kind: SERVER };
    setTimeout(() => void exportSpans(options.collectorUrl, [stock]), INVENTORY_DELAY_MS);
  }
  const timing = `traceparent;desc="00-${span.traceId}-${span.spanId}-01"`;
  response.writeHead(201, { "server-timing": timing }).end("{}");
}

async function exportSpans(collectorUrl: string, spans: readonly WireSpan[]): Promise<void> {
  const now = `${Date.now()}000000`;
  const resourceSpans = spans.map(({ service, path, sku, kind, ...ids }) => ({
    resource: { attributes: [text("service.name", service)] },
    scopeSpans: [
      {
        scope: { name: "traced-shop" },
        spans: [
          {
            ...ids,
            kind,
            name: path,
            startTimeUnixNano: now,
            endTimeUnixNano: now,
            attributes: [
              text("http.request.method", kind === SERVER && path === "/api/orders" ? "POST" : "GET"),
              text("url.path", path),
              text("shop.sku", sku),
            ],
          },
        ],
      },
    ],
  }));
  if (spans.length > 0) await post(collectorUrl, JSON.stringify({ resourceSpans }));
}

async function post(collectorUrl: string, body: string): Promise<void> {
  const response = await fetch(`${collectorUrl}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  if (!response.ok) throw new Error(`collector answered ${response.status}: ${await response.text()}`);
}

function text(key: string, value: string): unknown {
  return { key, value: { stringValue: value } };
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

const PAGE = `<!doctype html><title>Shop</title><button>Buy</button><output></output><script>
const { searchParams } = new URL(location.href);
const mode = searchParams.get("mode");
const sku = searchParams.get("sku");
const hook = globalThis.__throughline_test__ ?? {};
const hex = (n) => [...crypto.getRandomValues(new Uint8Array(n))].map((b) => b.toString(16).padStart(2, "0")).join("");
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000) + "000";
const text = (key, stringValue) => ({ key, value: { stringValue } });
let queue = [];
hook.flush = async () => {
  const spans = queue;
  queue = [];
  if (spans.length === 0) return;
  const resource = { attributes: [text("service.name", "web"), text("test.case.id", hook.id)] };
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "page" }, spans }] }] });
  const headers = { "content-type": "application/json" };
  await fetch("/api/tl/v1/traces", { method: "POST", body, headers });
};
hook.endpoint = "/api/tl/v1/traces";
document.querySelector("button").onclick = async () => {
  const traceId = hex(16), click = hex(8), request = hex(8), clickStart = now();
  // The request leaves after the test's click() has returned, as behind a lock or a digest.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const start = now();
  const headers = mode === "no-header" ? {} : { traceparent: "00-" + traceId + "-" + request + "-01" };
  const response = await fetch("/api/orders?mode=" + mode + "&sku=" + sku, { method: "POST", headers });
  await response.text();
  queue.push({
    traceId, spanId: click, kind: 1, name: "click Buy", startTimeUnixNano: clickStart, endTimeUnixNano: now(),
    attributes: [text("throughline.interaction.type", "click"), text("throughline.interaction.target", "Buy")],
  }, {
    traceId, spanId: request, parentSpanId: click, kind: 3, name: "POST", startTimeUnixNano: start, endTimeUnixNano: now(),
    attributes: [
      text("http.request.method", "POST"), text("url.full", response.url.split("?")[0]), text("shop.sku", sku),
      text("throughline.propagation", mode === "no-header" ? "off" : "sent"),
      { key: "http.response.status_code", value: { intValue: response.status } },
    ],
  });
  document.querySelector("output").textContent = "done";
  setTimeout(hook.flush, 200);
};
</script>`;
