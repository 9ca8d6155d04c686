import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import "./globals.css";

// In the page itself: as a file it would be one more request, and one more trace, for every visit.
const icon = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
    <rect width="32" height="32" rx="7" fill="#26365f"/>
    <path d="M9 6h10l5 5v15H9z" fill="#fbf6ea"/><path d="M19 6v5h5z" fill="#d9cfb8"/>
    <path d="M12 21c2.5-4 4 2 6-1s2-2 3-1" fill="none" stroke="#c8452e" stroke-width="1.8" stroke-linecap="round"/>
  </svg>`,
)}`;

export const metadata: Metadata = {
  icons: { icon },
  title: { default: "Foolscap – paper, ink and other patient things", template: "%s – Foolscap" },
  description:
    "A small stationery shop in which every purchase is one trace, from the click to the last query.",
};

export const viewport: Viewport = {
  colorScheme: "light dark",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f7f2e8" },
    { media: "(prefers-color-scheme: dark)", color: "#14171f" },
  ],
};

export default function RootLayout({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
