import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import {
  test as base,
  type PlaywrightTestArgs,
  type PlaywrightTestOptions,
  type PlaywrightWorkerArgs,
  type PlaywrightWorkerOptions,
  type TestInfo,
  type TestType,
} from "@playwright/test";
import { type CollectorClient, startCollectorClient } from "./collector-client.ts";
import { readPageClock } from "./page-clock.ts";
import { printTraces } from "./print.ts";
import { treeOf } from "./scope.ts";
import { createSession, type Failure, type Otel, type Session } from "./session.ts";
import { readFixtureSettings } from "./settings.ts";
import { settle } from "./settle.ts";
import { createWatchedContexts } from "./watched-contexts.ts";

export interface OtelFixtures {
  /** The traces of this test. Naming it is what puts the test's id into its pages. */
  otel: Otel;
}

export interface OtelWorkerFixtures {
  /** Base URL of the collector; empty: `THROUGHLINE_COLLECTOR_URL`, `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://127.0.0.1:4318`. */
  collectorUrl: string;
  /** The worker's connection to the collector. */
  collectorClient: CollectorClient;
}

/** Playwright's `test` with the fixture `otel`. It watches and never touches: no route, no header. */
export const test: TestType<
  PlaywrightTestArgs & PlaywrightTestOptions & OtelFixtures,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & OtelWorkerFixtures
> = base.extend<OtelFixtures, OtelWorkerFixtures>({
  collectorUrl: ["", { option: true, scope: "worker" }],
  collectorClient: [
    async ({ collectorUrl }, use) => {
      const client = await startCollectorClient(readFixtureSettings(collectorUrl).collectorUrl);
      await use(client);
      client.stop();
    },
    { scope: "worker", box: true },
  ],
  otel: async ({ context, collectorClient }, use, testInfo) => {
    collectorClient.assertAlive();
    const { flushToken } = readFixtureSettings();
    const testId = testIdOf(testInfo);
    const watched = createWatchedContexts(testId);
    await watched.watch(context);
    const session = createSession({
      testId,
      client: collectorClient,
      wire: watched.wire,
      watch: watched.watch,
      settle: (deadlineMs) => settle({ ...watched, flushToken }, deadlineMs),
      readClock: () => readPageClock(watched.pages()),
      notes: watched.notes,
    });
    await use(session.otel);
    watched.wire.stop();
    if (testInfo.status !== testInfo.expectedStatus) await attachTraces(session, testInfo);
  },
});

// Retries, repeats and re-runs against the same collector must never see each other's traces.
function testIdOf({ testId, retry, repeatEachIndex }: TestInfo): string {
  return `${testId}-${retry}-${repeatEachIndex}-${randomUUID().slice(0, 8)}`;
}

async function attachTraces(session: Session, testInfo: TestInfo): Promise<void> {
  const failure = failureOf(session.failures(), testInfo.errors) ?? (await describeTraces(session));
  if (failure.documents.length === 0) return;
  const text = testInfo.outputPath("trace.txt");
  const json = testInfo.outputPath("traces.json");
  // With a byte order mark: the HTML report serves it as text/plain without a charset.
  await writeFile(text, `\uFEFF${failure.text}\n`);
  await writeFile(json, JSON.stringify(failure.documents, undefined, 1));
  // By path: the list reporter prints the beginning of every text body once more.
  await testInfo.attach("trace.txt", { path: text, contentType: "text/plain" });
  await testInfo.attach("traces.json", { path: json, contentType: "application/json" });
}

/** Of the assertions that failed the test: several where they are soft, and none that a later try made good. */
function failureOf(failures: readonly Failure[], errors: TestInfo["errors"]): Failure | undefined {
  const told = failures.filter(({ text }) => errors.some(({ message = "" }) => message.includes(text)));
  if (told.length === 0) return undefined;
  const documents = told.flatMap((failure) => failure.documents);
  // The newest of each trace, which has the most spans.
  const byTrace = new Map(documents.map((document) => [document.summary.traceId, document]));
  return { text: told.map(({ text }) => text).join("\n\n\n"), documents: [...byTrace.values()] };
}

async function describeTraces(session: Session): Promise<Failure> {
  try {
    const documents = await session.documents();
    return { text: printTraces(documents.map(treeOf), readFixtureSettings().columns), documents };
  } catch {
    // The test has failed already; a collector that is gone too must not hide why.
    return { text: "", documents: [] };
  }
}
