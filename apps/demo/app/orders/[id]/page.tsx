import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { connection } from "next/server";
import type { ReactNode } from "react";
import { findOrder } from "../../../lib/orders.ts";
import { findProduct, formatPrice } from "../../../lib/products.ts";
import { Masthead } from "../../masthead.tsx";
import { ProductArt } from "../../product-art.tsx";

interface OrderPageProps {
  readonly params: Promise<{ id: string }>;
}

const when = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });

export async function generateMetadata({ params }: OrderPageProps): Promise<Metadata> {
  return { title: `Order ${(await params).id}` };
}

export default async function OrderPage({ params }: OrderPageProps): Promise<ReactNode> {
  await connection();
  const { id } = await params;
  // Up to nine digits: what Postgres holds in an integer.
  const order = /^\d{1,9}$/.test(id) ? await findOrder(Number(id)) : undefined;
  if (order === undefined) notFound();
  return (
    <div className="page">
      <Masthead />
      <main className="order">
        <ProductArt sku={order.sku} />
        <div className="order-text">
          <h1>Order {order.id}</h1>
          <dl>
            <dt>Item</dt>
            <dd>{findProduct(order.sku)?.name ?? order.sku}</dd>
            <dt>Price</dt>
            <dd>{formatPrice(order.priceCents)}</dd>
            <dt>Ships from</dt>
            <dd>{order.warehouse}</dd>
            <dt>Placed</dt>
            <dd>{when.format(order.createdAt)} UTC</dd>
          </dl>
          <Link href="/" prefetch={false} className="button" data-trace-name="Back to the shop">
            Back to the shop
          </Link>
        </div>
      </main>
    </div>
  );
}
