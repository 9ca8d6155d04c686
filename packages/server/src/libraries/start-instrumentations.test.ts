import type { TracerProvider } from "@opentelemetry/api";
import { InstrumentationBase, InstrumentationNodeModuleDefinition } from "@opentelemetry/instrumentation";
import { afterEach, expect, test } from "vitest";
import { inMemory, type TracedCalls } from "../../test-data/traced-calls.ts";
import { startInstrumentations } from "./start-instrumentations.ts";

let memory: TracedCalls;
afterEach(() => memory.stop());

/** What the client of Prisma asks for its spans. */
let helper: { readonly provider: TracerProvider | undefined } | undefined;

/** As Prisma's: it hands its client whatever provider it has when it is enabled, first by its constructor. */
class PrismaInstrumentation extends InstrumentationBase {
  declare private given: TracerProvider | undefined;
  constructor() {
    super("@prisma/instrumentation", "7.10.0", {});
  }
  init() {
    return [new InstrumentationNodeModuleDefinition("@prisma/client", ["7.10.0"])];
  }
  override setTracerProvider(provider: TracerProvider): void {
    this.given = provider;
  }
  override enable(): void {
    helper = { provider: this.given };
  }
  override disable(): void {
    helper = undefined;
  }
}

test("Prisma's instrumentation, which has one provider from its constructor on, is given ours, and stopped", () => {
  memory = inMemory();
  const provider = { getTracer: () => memory.tracer };
  const prisma = new PrismaInstrumentation();
  expect(helper).toEqual({ provider: undefined });
  const stop = startInstrumentations([prisma], provider);
  expect(helper?.provider).toBe(provider);
  stop();
  expect(helper).toBeUndefined();
});
