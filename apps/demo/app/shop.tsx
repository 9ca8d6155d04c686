"use client";

import { type ReactNode, useState } from "react";
import { formatPrice, type Product } from "../lib/products.ts";
import { ProductArt } from "./product-art.tsx";
import { acquireLock, idempotencyKey, type Purchase, readAnswer, withPurchase } from "./purchase.ts";
import { Receipts } from "./receipts.tsx";

export function Shop({ products }: { readonly products: readonly Product[] }): ReactNode {
  const [purchases, setPurchases] = useState<readonly Purchase[]>([]);

  async function buy(product: Product, id: string = crypto.randomUUID()): Promise<void> {
    const show = (state: Purchase["state"]) =>
      setPurchases((list) => withPurchase(list, { id, product, state }));
    show({ kind: "placing" });
    const release = await acquireLock(`order:${product.sku}`);
    try {
      const key = await idempotencyKey(id, product.sku);
      const response = await fetch("/api/orders", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ sku: product.sku }),
      });
      show(readAnswer(response.ok, await response.json()));
    } catch {
      show({ kind: "unreachable" });
    } finally {
      release();
    }
  }

  const dismiss = (id: string) => setPurchases((list) => list.filter((purchase) => purchase.id !== id));

  return (
    <main className="shop">
      <ul className="products">
        {products.map((product) => {
          const busy = purchases.some((p) => p.product.sku === product.sku && p.state.kind === "placing");
          return (
            <li key={product.sku} className="product">
              <ProductArt sku={product.sku} />
              <div className="product-text">
                <h2>{product.name}</h2>
                <p>{product.note}</p>
              </div>
              <div className="product-foot">
                <span className="price">{formatPrice(product.priceCents)}</span>
                <button
                  type="button"
                  className="button"
                  data-trace-name="Buy"
                  aria-label={`Buy ${product.name}`}
                  aria-busy={busy}
                  onClick={() => buy(product)}
                >
                  Buy
                </button>
              </div>
            </li>
          );
        })}
      </ul>
      <Receipts purchases={purchases} onRetry={({ product, id }) => buy(product, id)} onDismiss={dismiss} />
    </main>
  );
}
