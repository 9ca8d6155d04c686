import type { ReactNode } from "react";
import { products } from "../lib/products.ts";
import { Masthead } from "./masthead.tsx";
import { Shop } from "./shop.tsx";

export default function HomePage(): ReactNode {
  return (
    <div className="page">
      <Masthead />
      <section className="hero">
        <h1>Everything for a good letter.</h1>
        <p>
          Six things, and a <b>Buy</b> button under each. One press is one trace: your click, the request,
          this shop, the warehouse, and the row in the order book.
        </p>
      </section>
      <Shop products={products} />
    </div>
  );
}
