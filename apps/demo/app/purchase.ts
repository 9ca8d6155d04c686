import type { OrderPlaced, OrderRefused } from "../lib/orders-api.ts";
import type { Product } from "../lib/products.ts";

/** One press of Buy, and what became of it. */
export interface Purchase {
  readonly id: string;
  readonly product: Product;
  readonly state: PurchaseState;
}

export type PurchaseState =
  | { readonly kind: "placing" }
  | { readonly kind: "placed"; readonly order: OrderPlaced }
  | { readonly kind: "refused"; readonly refusal: OrderRefused }
  | { readonly kind: "unreachable" };

/** Newest first; a purchase tried again keeps its place. */
export function withPurchase(list: readonly Purchase[], purchase: Purchase): readonly Purchase[] {
  if (!list.some(({ id }) => id === purchase.id)) return [purchase, ...list];
  return list.map((known) => (known.id === purchase.id ? purchase : known));
}

/** Resolves, once this tab alone holds the lock, to the function that gives it back. */
export function acquireLock(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const held = () => new Promise<void>((release) => resolve(release));
    navigator.locks.request(name, held).catch(reject);
  });
}

/** The same purchase always has the same key, so trying again cannot order twice. */
export async function idempotencyKey(purchaseId: string, sku: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${purchaseId} ${sku}`);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The answer of `/api/orders` as a state. */
export function readAnswer(ok: boolean, body: OrderPlaced | OrderRefused): PurchaseState {
  if (ok && "orderId" in body) return { kind: "placed", order: body };
  if ("error" in body) return { kind: "refused", refusal: body };
  return { kind: "unreachable" };
}
