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
import { TEST_GLOBAL } from "@throughline/core/attributes";
import { type CollectorClient, startCollectorClient } from "./collector-client.ts";
import { readPageClock } from "./page-clock.ts";
import { printTraces } from "./print.ts";
import { treeOf } from "./scope.ts";
import { createSession, type Failure, type Otel, type Session } from "./session.ts";
import { readFixtureSettings } from "./settings.ts";
import { settle } from "./settle.ts";
import { startWireLog } from "./wire.ts";

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
    const early = context.pages().flatMap((page) => (page.url() === "about:blank" ? [] : page.url()));
    await context.addInitScript(
      ({ name, id }) => {
        Object.assign(globalThis, { [name]: { id } });
      },
      { name: TEST_GLOBAL, id: testId },
    );
    const wire = startWireLog(context);
    const session = createSession({
      testId,
      client: collectorClient,
      wire,
      settle: (deadlineMs) => settle({ context, wire, flushToken }, deadlineMs),
      readClock: () => readPageClock(context.pages()),
      notes: () => early.map(earlyNote),
    });
    await use(session.otel);
    wire.stop();
    if (testInfo.status !== testInfo.expectedStatus) await attachTraces(session, testInfo);
  },
});

// Retries, repeats and re-runs against the same collector must never see each other's traces.
function testIdOf({ testId, retry, repeatEachIndex }: TestInfo): string {
  return `${testId}-${retry}-${repeatEachIndex}-${randomUUID().slice(0, 8)}`;
}

function earlyNote(url: string): string {
  return `${url} was loaded before "otel" started, so its spans carry no test id; name otel in the beforeEach or fixture that opens the page`;
}

async function attachTraces(session: Session, testInfo: TestInfo): Promise<void> {
  const failure = session.failure() ?? (await describeTraces(session));
  if (failure.documents.length === 0) return;
  const text = testInfo.outputPath("trace.txt");
  const json = testInfo.outputPath("traces.json");
  await writeFile(text, `${failure.text}\n`);
  await writeFile(json, JSON.stringify(failure.documents, undefined, 1));
  // By path: the list reporter prints the beginning of every text body once more.
  await testInfo.attach("trace.txt", { path: text, contentType: "text/plain" });
  await testInfo.attach("traces.json", { path: json, contentType: "application/json" });
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
