import { expect } from "@playwright/test";
import { seeded } from "../../../../scripts/seeded.mjs";
import { expectNamesBelow, expectRouteNames, METHODS, pathOf, randomWord } from "../random-path.ts";
import type { Combination } from "./combinations.ts";
import { flood, type Sent } from "./flood.ts";
import { SERVER_KIND, startOtlpRecorder } from "./otlp-recorder.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";

const REQUESTS = 2_500;

/** Random addresses on, below and beside every route leave no more names than there are routes. */
export async function checkRandomAddresses(
  { combination, serve, routes }: BuiltApp,
  given: Readonly<Record<string, string>>,
) {
  const recorder = await startOtlpRecorder();
  const service = `server-app-${combination.name}-random`;
  // Room for all of them, should the machine be slow.
  const queue = { THROUGHLINE_QUEUE_MAX_BYTES: String(256 * 1024 * 1024) };
  try {
    await serve(
      { service, env: { ...given, ...recorder.env, ...queue, NEXT_OTEL_VERBOSE: "1" } },
      async (app) => {
        const statuses = new Set<number | undefined>();
        await flood(randomRequests(routes, app, combination), ({ statusCode }) => statuses.add(statusCode));
        await flush(app, combination);
        // A flush waits no longer than its limit, and there may be other work on this machine.
        const sent = (): number => recorder.spans.filter(({ kind }) => kind === SERVER_KIND).length;
        await expect.poll(sent, "SERVER spans of the random addresses").toBe(REQUESTS);
        expect.soft([...statuses]).toEqual(expect.arrayContaining([200, 404, 500]));
      },
    );
  } finally {
    await recorder.stop();
  }
  const namesOf = (isServer: boolean): ReadonlySet<string> =>
    new Set(recorder.spans.filter(({ kind }) => (kind === SERVER_KIND) === isServer).map(({ name }) => name));
  expect.soft(routes.length).toBeGreaterThanOrEqual(30);
  expectRouteNames(namesOf(true), routes);
  expectNamesBelow(namesOf(false), routes);
}

/** The same for each run, so that the names of one that fails can be had again. */
function* randomRequests(
  routes: readonly string[],
  app: ServedApp,
  combination: Combination,
): Generator<Sent> {
  const random = seeded(5_417_981);
  for (let index = 0; index < REQUESTS; index++) {
    // Every route in turn, and every eighth address beside all of them.
    const route = index % 8 === 0 ? "/[...beside]" : (routes[index % routes.length] ?? "/");
    const url = urlOf(`${randomPath(route, random)}?q=${randomWord(random)}`, app, combination);
    yield { url, method: METHODS[Math.floor(random() * 1.3)] ?? "GET" };
  }
}

/** These wait for a Redis that need not be there. */
const NOT_ASKED = ["/api/enqueue", "/api/redis"];

/** An address of a route with parameters; of one without a few, and more that go on below it. */
function randomPath(route: string, random: () => number): string {
  const isExact = route.includes("[") || (random() < 0.1 && !NOT_ASKED.includes(route));
  return pathOf(isExact ? route : `${route}/[below]`, random);
}
