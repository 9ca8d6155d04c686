import { checkCachedFetch } from "./cached-fetch.ts";
import type { Downstream } from "./downstream.ts";
import { checkJobs } from "./jobs.ts";
import { expectLinkedCalls } from "./linked-calls.ts";
import { checkLogs } from "./logs.ts";
import { checkManualSpans } from "./manual-spans.ts";
import type { BuiltApp } from "./server-app.ts";

/** What an app does by its own hand: spans, lines of logs, cached calls with baggage, jobs. A process of its own, in which nothing patches. */
export async function checkTools(
  built: BuiltApp,
  given: Readonly<Record<string, string>>,
  downstream: Downstream,
): Promise<void> {
  const { combination } = built;
  const env: Readonly<Record<string, string>> = {
    ...given,
    WITHOUT_INSTRUMENTATIONS: "1",
    OTEL_LOGS_EXPORTER: "otlp",
    // Only an origin that is named may get baggage.
    PROPAGATE_TO: given.DOWNSTREAM_URL ?? "",
  };
  const before = downstream.received.length;
  await built.serve({ service: `server-app-${combination.name}-tools`, env }, async (app) => {
    await checkLogs(app, combination);
    await checkManualSpans(built, app);
    await checkCachedFetch(app, combination);
    if (env.REDIS_URL) await checkJobs(app, combination, env);
    await expectLinkedCalls(downstream.received.slice(before), ["/baggage", "/revalidated"]);
  });
}
