// What withSpan costs: the bare function, withSpan without tracing, OpenTelemetry's own no-op, and withSpan with tracing.
// All by turns in one run; the middle one of the rounds counts.
import { trace } from "@opentelemetry/api";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { withSpan } from "@throughline/server";

const CALLS = 200_000;
const ROUNDS = 21;

let sum = 0;
const work = () => {
  sum += 1;
};
const noop = trace.getTracer("bench");

const off = {
  "the bare function": () => work(),
  "withSpan, tracing off": () => withSpan("work", work),
  "withSpan with options, tracing off": () => withSpan("work", { attributes: { a: 1 } }, work),
  "OpenTelemetry's no-op startActiveSpan": () => noop.startActiveSpan("work", work),
};
const on = { "withSpan, tracing on": () => withSpan("work", work) };

function nsPerCall(run) {
  const start = process.hrtime.bigint();
  for (let call = 0; call < CALLS; call += 1) run();
  return Number(process.hrtime.bigint() - start) / CALLS;
}

function measure(variants) {
  const rounds = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [name, run] of Object.entries(variants)) rounds[name].push(nsPerCall(run));
  for (const [name, all] of Object.entries(rounds)) {
    const middle = all.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
    console.log(`${name.padEnd(40)} ${middle.toFixed(1).padStart(8)} ns`);
  }
}

measure(off);
trace.setGlobalTracerProvider(new BasicTracerProvider());
measure(on);
if (sum === 0) throw new Error("nothing ran");
