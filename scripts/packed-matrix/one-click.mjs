// One click in a real browser, and whether its trace reached the collector whole.

const PATIENCE_MS = 20_000;

/** From the click to the database, each the ancestor of the next. */
const HOPS = [
  ["click Buy", "internal", "fresh-app-web"],
  ["POST /api/orders", "client", "fresh-app-web"],
  ["POST /api/orders", "server", "fresh-app"],
];
const STOCK = [
  ["GET /stock", "client", "fresh-app"],
  ["GET /stock", "server", "inventory"],
];
const WRITTEN = ["write it down", "internal", "fresh-app"];
const QUERY = ["SELECT", "client", "fresh-app"];
const ENDS = {
  pg: [STOCK, [WRITTEN, QUERY]],
  prisma: [STOCK, [WRITTEN, ["prisma:client:operation", "internal", "fresh-app"], QUERY]],
};

/** Clicks "Buy"; resolves to the trace id that the request carried. */
export async function clickBuy(browser, url) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(url, { waitUntil: "networkidle" });
    const sent = page.waitForRequest((request) => request.url().endsWith("/api/orders"));
    await page.getByRole("button", { name: "Buy" }).click();
    const request = await sent;
    await page.getByText("bought").waitFor();
    return (await request.allHeaders()).traceparent?.split("-")[1];
  } finally {
    await context.close();
  }
}

/** Sentences about what the trace lacks, none when it is whole. */
export async function faultsOfTrace(collectorUrl, traceId, library) {
  if (!traceId) return ["the browser's request carried no traceparent"];
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await fetch(`${collectorUrl}/api/traces/${traceId}`);
    const faults = answer.ok
      ? missingIn(await answer.json(), ENDS[library])
      : [`no trace ${traceId} (${answer.status})`];
    if (faults.length === 0 || Date.now() > deadline) return faults;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function missingIn({ rows, spans }, ends) {
  const parents = new Map(spans.map(({ spanId, parentSpanId }) => [spanId, parentSpanId]));
  const byId = new Map(rows.map((row) => [row.spanId, row]));
  const matches = (row, [label, kind, service]) =>
    row?.label.startsWith(label) && row.kind === kind && row.service === service;
  const chainOf = (row) => {
    const chain = [];
    for (let id = row.spanId; id; id = parents.get(id)) chain.unshift(byId.get(id));
    return chain;
  };
  const seen = rows.map(({ label, kind, service }) => `${label} · ${kind} · ${service}`).join(", ");
  return ends.flatMap((end) => {
    const wanted = [...HOPS, ...end];
    const last = rows.filter((row) => matches(row, wanted.at(-1)));
    const whole = last.filter((row) => {
      const chain = chainOf(row);
      return wanted.every((hop) => chain.some((each) => matches(each, hop)));
    });
    return whole.length === 1 ? [] : [`${whole.length} ways to ${wanted.at(-1).join(" · ")}; seen: ${seen}`];
  });
}
