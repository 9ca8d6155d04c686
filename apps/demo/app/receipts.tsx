import Link from "next/link";
import type { ReactNode } from "react";
import type { TraceLink } from "../lib/orders-api.ts";
import { formatPrice } from "../lib/products.ts";
import type { Purchase } from "./purchase.ts";

interface ReceiptsProps {
  readonly purchases: readonly Purchase[];
  readonly onRetry: (purchase: Purchase) => void;
  readonly onDismiss: (id: string) => void;
}

/** What came of every press of Buy, newest first. */
export function Receipts({ purchases, onRetry, onDismiss }: ReceiptsProps): ReactNode {
  return (
    <aside className="receipts" aria-label="Receipts" aria-live="polite">
      <h2>Receipts</h2>
      {purchases.length === 0 ? <p className="receipts-empty">Nothing yet. Press a Buy button.</p> : null}
      <ol>
        {purchases.map((purchase) => (
          <li key={purchase.id} className={`receipt receipt-${purchase.state.kind}`}>
            <button
              type="button"
              className="dismiss"
              aria-label={`Dismiss ${purchase.product.name}`}
              onClick={() => onDismiss(purchase.id)}
            >
              ×
            </button>
            <Receipt purchase={purchase} onRetry={() => onRetry(purchase)} />
          </li>
        ))}
      </ol>
    </aside>
  );
}

function Receipt({ purchase, onRetry }: { purchase: Purchase; onRetry: () => void }): ReactNode {
  const { product, state } = purchase;
  if (state.kind === "placing") {
    return <Lines title="Placing the order…" product={product} />;
  }
  if (state.kind === "placed") {
    const { orderId, stockLeft } = state.order;
    return (
      <Lines title={`Order ${orderId}`} product={product}>
        <p className="receipt-stock">{stockLeft === 1 ? "1 left in stock" : `${stockLeft} left in stock`}</p>
        <p className="receipt-actions">
          <SeeTrace link={state.order} />
          <Link href={`/orders/${orderId}`} prefetch={false} data-trace-name="View order">
            View order
          </Link>
        </p>
      </Lines>
    );
  }
  const refusal = state.kind === "refused" ? state.refusal : undefined;
  const soldOut = refusal?.error.code === "out_of_stock";
  return (
    <Lines title={soldOut ? "Sold out" : "Not ordered"} product={product}>
      <p>{refusal?.error.message ?? "The shop did not answer. Are you online?"}</p>
      <p className="receipt-actions">
        {refusal ? <SeeTrace link={refusal} /> : null}
        <button
          type="button"
          className="link"
          data-trace-name="Try again"
          aria-label={`Try again: ${product.name}`}
          onClick={onRetry}
        >
          Try again
        </button>
      </p>
    </Lines>
  );
}

interface LinesProps {
  readonly title: string;
  readonly product: Purchase["product"];
  readonly children?: ReactNode;
}

function Lines({ title, product, children }: LinesProps): ReactNode {
  return (
    <>
      <h3>{title}</h3>
      <p className="receipt-line">
        <span>{product.name}</span>
        <span className="receipt-price">{formatPrice(product.priceCents)}</span>
      </p>
      {children}
    </>
  );
}

function SeeTrace({ link }: { readonly link: TraceLink }): ReactNode {
  if (link.traceUrl === undefined) return null;
  return (
    <a className="trace-link" href={link.traceUrl} target="_blank" rel="noreferrer">
      See this trace
    </a>
  );
}
