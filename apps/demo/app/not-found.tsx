import Link from "next/link";
import type { ReactNode } from "react";
import { Masthead } from "./masthead.tsx";

export default function NotFound(): ReactNode {
  return (
    <div className="page">
      <Masthead />
      <main className="hero">
        <h1>No such page in this book.</h1>
        <p>The order or page you asked for is not here. The demo forgets its orders when it stops.</p>
        <Link href="/" prefetch={false} className="button" data-trace-name="Back to the shop">
          Back to the shop
        </Link>
      </main>
    </div>
  );
}
