import { expect } from "@playwright/test";
import type { Combination } from "./combinations.ts";
import { urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";

/** Spans leave `use cache` and prerenders as they are. */
export async function checkManualSpans({ combination, buildLog }: BuiltApp, app: ServedApp): Promise<void> {
  if (!combination.cacheComponents) return;
  // ◐: a static shell with holes, which a span that counted as random or as time would have spoilt.
  for (const route of ["/traced", "/cache-keys"]) {
    const line = buildLog.find((text) =>
      text.startsWith("├") || text.startsWith("└") ? text.includes(` ${route}`) : false,
    );
    expect.soft(line, `${route} in the table of the build`).toContain("◐");
  }
  const [first, second] = [await tokensOf(app, combination), await tokensOf(app, combination)];
  expect.soft(first, "values of a cached function").toHaveLength(3);
  expect.soft(new Set([...first, ...second]).size, "times that it ran").toBe(1);
  const told = app.log.filter((line) => line.includes('withSpan("handed") does not hand its span'));
  expect.soft(told, "the mistake").toHaveLength(1);
  // https://nextjs.org/docs/messages/next-prerender-random
  const complaints = [...buildLog, ...app.log].filter((line) => line.includes("next-prerender-"));
  expect.soft(complaints, "what Next.js says of random numbers and times").toEqual([]);
}

async function tokensOf(app: ServedApp, combination: Combination): Promise<readonly number[]> {
  const response = await fetch(urlOf("/cache-keys", app, combination));
  const [, tokens = "[]"] = /<pre>(\[.*?\])/.exec(await response.text()) ?? [];
  return JSON.parse(tokens);
}
