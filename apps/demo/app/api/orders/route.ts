import { fetchStock, InventoryError } from "../../../lib/inventory.ts";
import { insertOrder, lastOrders } from "../../../lib/orders.ts";
import type { OrderErrorCode, OrderPlaced, OrderRefused } from "../../../lib/orders-api.ts";
import { findProduct, type Product } from "../../../lib/products.ts";
import { currentTraceLink } from "../../../lib/trace-link.ts";

export async function POST(request: Request): Promise<Response> {
  const product = await readProduct(request);
  if (product === undefined) {
    return refuse(400, "bad_request", 'Send JSON such as {"sku":"graph-notebook"} with a sku of this shop.');
  }
  const idempotencyKey = request.headers.get("idempotency-key") ?? crypto.randomUUID();
  try {
    return await order(product, idempotencyKey);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof InventoryError) {
      return refuse(502, "inventory_unavailable", "The warehouse does not answer. Nothing was ordered.");
    }
    return refuse(503, "database_unavailable", "The order book does not answer. Please try again.");
  }
}

export async function GET(): Promise<Response> {
  return Response.json({ orders: await lastOrders() });
}

async function order(product: Product, idempotencyKey: string): Promise<Response> {
  const { sku, priceCents } = product;
  const { available, warehouse } = await fetchStock(sku);
  if (available < 1) return refuse(409, "out_of_stock", `${product.name} is sold out.`);
  const { id, soldBefore } = await insertOrder({ sku, priceCents, warehouse, idempotencyKey });
  // The inventory of this demo never counts down, so the shop does; a long day of clicking ends at 0.
  const stockLeft = Math.max(0, available - soldBefore - 1);
  const placed: OrderPlaced = { orderId: id, sku, stockLeft, ...currentTraceLink() };
  return Response.json(placed, { status: 201, headers: { location: `/orders/${id}` } });
}

async function readProduct(request: Request): Promise<Product | undefined> {
  const body: unknown = await request.json().catch(() => undefined);
  if (typeof body !== "object" || body === null || !("sku" in body)) return undefined;
  return typeof body.sku === "string" ? findProduct(body.sku) : undefined;
}

function refuse(status: number, code: OrderErrorCode, message: string): Response {
  const refused: OrderRefused = { error: { code, message }, ...currentTraceLink() };
  return Response.json(refused, { status });
}
