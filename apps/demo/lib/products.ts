/** What the shop sells. Stock is not here: the inventory service knows it. */
export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly note: string;
  readonly priceCents: number;
}

export const products: readonly Product[] = [
  { sku: "fountain-pen", name: "Heron fountain pen", note: "Steel nib, fine. Brass body.", priceCents: 6400 },
  {
    sku: "graph-notebook",
    name: "Graph notebook",
    note: "A5, 5 mm grid, 160 pages, opens flat.",
    priceCents: 1850,
  },
  { sku: "blue-black-ink", name: "Blue-black ink", note: "50 ml. Dries darker overnight.", priceCents: 1400 },
  { sku: "cedar-pencils", name: "Cedar pencils", note: "Six, 2H to 4B, in a tin.", priceCents: 1250 },
  { sku: "brass-ruler", name: "Brass ruler", note: "15 cm. Earns its patina.", priceCents: 2200 },
  {
    sku: "wax-seal-kit",
    name: "Wax seal kit",
    note: "Sealing wax and a blank stamp.",
    priceCents: 2900,
  },
];

export function findProduct(sku: string): Product | undefined {
  return products.find((product) => product.sku === sku);
}

const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

export function formatPrice(cents: number): string {
  return euros.format(cents / 100);
}
