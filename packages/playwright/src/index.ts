import { expect as base, type Expect } from "@playwright/test";
import { createMatchers, type TraceMatchers } from "./matchers.ts";
import { readFixtureSettings } from "./settings.ts";

export type { CollectorClient } from "./collector-client.ts";
export type { Evidence, Judgement, Outcome, SettleReport, TraceHandle } from "./evidence.ts";
export { type OtelFixtures, type OtelWorkerFixtures, test } from "./fixture.ts";
export type { MatcherOptions, TraceMatchers } from "./matchers.ts";
export {
  type SpanBuilders,
  type SpanConditions,
  type SpanPattern,
  span,
  type TextPattern,
} from "./patterns.ts";
export type { Otel } from "./session.ts";
export type { WireEntry } from "./wire.ts";

/** Playwright's `expect` with {@link TraceMatchers}. */
export const expect: Expect<TraceMatchers> = base.extend<TraceMatchers>(
  createMatchers(() => readFixtureSettings().columns),
);
