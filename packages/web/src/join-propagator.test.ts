import { propagation, ROOT_CONTEXT, type TextMapPropagator, trace } from "@opentelemetry/api";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, expect, test } from "vitest";
import { joinPropagator } from "./join-propagator.ts";

beforeEach(() => {
  trace.setGlobalTracerProvider(new BasicTracerProvider());
});

afterEach(() => {
  trace.disable();
  propagation.disable();
});

function writing(value: string): TextMapPropagator {
  return {
    inject: (_context, carrier, setter) => setter.set(carrier, "x-test", value),
    extract: (context) => context,
    fields: () => ["x-test"],
  };
}

function injected(): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(ROOT_CONTEXT, carrier);
  return carrier;
}

test("the API's own inject writes what was joined, until it is stopped", () => {
  const stop = joinPropagator(writing("ours"));
  expect(injected()).toEqual({ "x-test": "ours" });
  stop();
  expect(injected()).toEqual({});
});

test("what somebody registered before stays, also after our stop", () => {
  propagation.setGlobalPropagator(writing("theirs"));
  const stop = joinPropagator(writing("ours"));
  stop();
  expect(injected()).toEqual({ "x-test": "theirs" });
});

test("the API registers again after our stop", () => {
  joinPropagator(writing("ours"))();
  expect(propagation.setGlobalPropagator(writing("theirs"))).toBe(true);
  expect(injected()).toEqual({ "x-test": "theirs" });
});
