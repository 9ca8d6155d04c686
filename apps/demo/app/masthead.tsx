import Link from "next/link";
import type { ReactNode } from "react";

export function Masthead(): ReactNode {
  return (
    <header className="masthead">
      <Link href="/" className="brand" prefetch={false}>
        <svg viewBox="0 0 32 32" aria-hidden="true" className="brand-mark">
          <path d="M7 3h13l6 6v20H7z" fill="var(--sheet)" stroke="currentColor" strokeWidth="1.6" />
          <path d="M20 3v6h6" fill="none" stroke="currentColor" strokeWidth="1.6" />
          <path
            d="M11 21c3-5 5 3 7.5-1s2.5-2 3.5-1"
            fill="none"
            stroke="var(--accent)"
            strokeWidth="2"
            strokeLinecap="round"
          />
        </svg>
        Foolscap
      </Link>
      <p className="masthead-note">Paper, ink and other patient things</p>
    </header>
  );
}
