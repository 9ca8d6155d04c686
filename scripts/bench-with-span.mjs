// What withSpan costs: the bare function, withSpan without tracing, OpenTelemetry's own no-op, and withSpan with tracing.
// All by turns in one run; the middle one of the rounds counts. Fails where withSpan without tracing misses its goal.
import { trace } from "@opentelemetry/api";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { withSpan } from "@throughline/server";
import { intervalOf, median, resampled, verdict } from "./figures.mjs";

const CALLS = 200_000;
const ROUNDS = 21;
const GOAL_NS = 50;
const HAVE_GOAL = ["withSpan, tracing off", "withSpan with options, tracing off"];

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

/** Of this process's CPU time: other work on the machine must not count. */
function nsPerCall(run) {
  const before = process.cpuUsage();
  for (let call = 0; call < CALLS; call += 1) run();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / CALLS;
}

function measure(variants) {
  const rounds = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [name, run] of Object.entries(variants)) rounds[name].push(nsPerCall(run));
  for (const [name, all] of Object.entries(rounds)) {
    const goal = HAVE_GOAL.includes(name)
      ? `  at most ${GOAL_NS}: ${verdict(
          GOAL_NS,
          intervalOf(() => median(resampled(all))),
        )}`
      : "";
    console.log(`${name.padEnd(40)} ${median(all).toFixed(1).padStart(8)} ns${goal}`);
  }
}

measure(off);
trace.setGlobalTracerProvider(new BasicTracerProvider());
measure(on);
if (sum === 0) throw new Error("nothing ran");
