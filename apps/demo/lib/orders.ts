import { database } from "./database.ts";

export interface Order {
  readonly id: number;
  readonly sku: string;
  readonly priceCents: number;
  readonly warehouse: string;
  readonly createdAt: Date;
}

export interface NewOrder {
  readonly sku: string;
  readonly priceCents: number;
  readonly warehouse: string;
  /** The same key twice is the same order. */
  readonly idempotencyKey: string;
}

const COLUMNS = `id, sku, price_cents AS "priceCents", warehouse, created_at AS "createdAt"`;

/** Writes the order, or finds the one already written under its key, and tells how many of it were sold before. */
export async function insertOrder(order: NewOrder): Promise<{ id: number; soldBefore: number }> {
  const { rows } = await database().query<{ id: number; soldBefore: number }>(
    `INSERT INTO orders (sku, price_cents, warehouse, idempotency_key)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (idempotency_key) DO UPDATE SET idempotency_key = excluded.idempotency_key
     RETURNING id, (SELECT count(*)::int FROM orders sold WHERE sold.sku = $1 AND sold.id < orders.id) AS "soldBefore"`,
    [order.sku, order.priceCents, order.warehouse, order.idempotencyKey],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`demo: the database returned no row for an order of ${order.sku}`);
  return row;
}

export async function findOrder(id: number): Promise<Order | undefined> {
  const { rows } = await database().query<Order>(`SELECT ${COLUMNS} FROM orders WHERE id = $1`, [id]);
  return rows[0];
}

/** The last ten, newest first. */
export async function lastOrders(): Promise<readonly Order[]> {
  const { rows } = await database().query<Order>(`SELECT ${COLUMNS} FROM orders ORDER BY id DESC LIMIT 10`);
  return rows;
}
