// What `/api/orders` answers; the browser and the route handler agree on it here.

/** Where to see what just happened; empty while tracing is off. */
export interface TraceLink {
  readonly traceId?: string;
  readonly traceUrl?: string;
}

export interface OrderPlaced extends TraceLink {
  readonly orderId: number;
  readonly sku: string;
  readonly stockLeft: number;
}

export type OrderErrorCode =
  | "bad_request"
  | "out_of_stock"
  | "inventory_unavailable"
  | "database_unavailable";

export interface OrderRefused extends TraceLink {
  readonly error: { readonly code: OrderErrorCode; readonly message: string };
}
