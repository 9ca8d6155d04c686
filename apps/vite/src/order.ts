/** Three requests, two awaits between them: each has the click as its parent. */
export async function order(sku: string): Promise<string> {
  const stock = await fetch(`/api/stock?sku=${sku}`);
  const { available } = (await stock.json()) as { readonly available: number };
  if (available === 0) return "sold out";
  await new Promise((wait) => setTimeout(wait, 10));
  const placed = await fetch("/api/orders", { method: "POST", body: JSON.stringify({ sku }) });
  const { id } = (await placed.json()) as { readonly id: string };
  for await (const line of receipt(id)) if (line === "end") break;
  return `order ${id}`;
}

async function* receipt(id: string): AsyncGenerator<string> {
  const answer = await fetch(`/api/receipts?id=${id}`);
  yield* (await answer.text()).split("\n");
}
