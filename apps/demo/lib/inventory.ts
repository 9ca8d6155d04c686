export interface Stock {
  readonly available: number;
  readonly warehouse: string;
}

export class InventoryError extends Error {
  override readonly name = "InventoryError";
}

/**
 * Asks the inventory service how many of `sku` are on the shelf.
 * @throws InventoryError when the service is down, slow or answers something else.
 */
export async function fetchStock(sku: string): Promise<Stock> {
  const base = process.env.INVENTORY_URL ?? "http://127.0.0.1:4001";
  const url = `${base}/stock?sku=${encodeURIComponent(sku)}`;
  let response: Response;
  try {
    response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(5000) });
  } catch (cause) {
    throw new InventoryError(`demo: the inventory at ${base} did not answer; is it running?`, { cause });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new InventoryError(`demo: the inventory answered ${response.status} to ${url}; see its log`);
  }
  return parseStock(await response.json(), url);
}

function parseStock(body: unknown, url: string): Stock {
  if (typeof body === "object" && body !== null && "available" in body && "warehouse" in body) {
    const { available, warehouse } = body;
    if (typeof available === "number" && typeof warehouse === "string") return { available, warehouse };
  }
  throw new InventoryError(`demo: the inventory answered ${url} without "available" and "warehouse"`);
}
