import { resourceFromAttributes } from "@opentelemetry/resources";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createProtobufWriter, takePiece, writeText } from "./otlp/protobuf-writer.ts";
import { type Batch, createTraceQueue, type QueuedSpan } from "./trace-queue.ts";

const source = { resource: resourceFromAttributes({}), scope: { name: "test" } };
const ALL = { maxSpans: 1000, maxBytes: 1_000_000 };

/** A span of 1000 bytes with what the queue reckons for the rest of it. */
function span(name: string, parentId?: string): QueuedSpan {
  const bytes = new Uint8Array(700);
  bytes.set(Buffer.from(name));
  return { source, bytes, id: name, parentId };
}

function namesOf(batch: Pick<Batch, "spans"> | undefined): readonly string[] {
  return (batch?.spans ?? []).map(({ id }) => id);
}

test("spans leave by trace, the oldest trace first", () => {
  const queue = createTraceQueue(1_000_000);
  for (const name of ["a1", "b1", "a2", "b2"]) queue.add(name.slice(0, 1), span(name));
  expect(namesOf(queue.take(ALL))).toEqual(["a1", "a2", "b1", "b2"]);
  expect(queue.take(ALL)).toBeUndefined();
});

test("a batch takes whole traces as long as they fit", () => {
  const queue = createTraceQueue(1_000_000);
  for (const name of ["a1", "a2", "b1", "b2"]) queue.add(name.slice(0, 1), span(name));
  expect(namesOf(queue.take({ maxSpans: 3, maxBytes: 1_000_000 }))).toEqual(["a1", "a2"]);
  expect(namesOf(queue.take({ maxSpans: 10, maxBytes: 1500 }))).toEqual(["b1"]);
  expect(namesOf(queue.take({ maxSpans: 10, maxBytes: 1500 }))).toEqual(["b2"]);
});

test("a span larger than a batch leaves alone", () => {
  const queue = createTraceQueue(1_000_000);
  queue.add("a", span("a1"));
  expect(namesOf(queue.take({ maxSpans: 10, maxBytes: 10 }))).toEqual(["a1"]);
});

test("a full queue drops the oldest whole trace, and what comes later of it", () => {
  const queue = createTraceQueue(3500);
  expect(["a1", "a2", "b1"].map((name) => queue.add(name.slice(0, 1), span(name)))).toEqual([0, 0, 0]);
  expect(queue.add("c", span("c1"))).toBe(2);
  expect(queue.add("a", span("a3"))).toBe(1);
  expect(namesOf(queue.take(ALL))).toEqual(["b1", "c1"]);
});

test("the rest of a trace that has been sent in part is dropped last", () => {
  const queue = createTraceQueue(3500);
  queue.add("begun", span("begun1"));
  const first = queue.take(ALL);
  if (first) queue.release(first);
  for (const name of ["begun2", "begun3", "whole1", "other1"]) queue.add(name.slice(0, 5), span(name));
  expect(namesOf(queue.take(ALL))).toEqual(["begun2", "begun3", "other1"]);
});

test("a trace of which a part has left loses what nothing hangs on, now and later, and keeps what was sent its parents", () => {
  const queue = createTraceQueue(3500);
  queue.add("job", span("step1", "first"));
  const left = queue.take(ALL);
  if (left) queue.release(left);
  const more = [
    span("step2", "first"),
    span("step3", "second"),
    span("second", "root"),
    span("first", "root"),
  ];
  expect(more.map((each) => queue.add("job", each))).toEqual([0, 0, 0, 3]);
  expect([span("step4", "third"), span("root")].map((each) => queue.add("job", each))).toEqual([1, 0]);
  expect(namesOf(queue.take(ALL))).toEqual(["first", "root"]);
});

/** A trace of which each span hangs on one of the first; they end from the last to the first. */
const traceTree = fc
  .array(fc.nat(), { minLength: 1, maxLength: 30, size: "max" })
  .map((parents) => parents.map((parent, index) => (index === 0 ? undefined : parent % Math.min(index, 5))));

const step = fc.record({ which: fc.nat(), take: fc.nat({ max: 9 }), most: fc.integer({ min: 1, max: 4 }) });

interface Drained {
  readonly exported: readonly QueuedSpan[];
  readonly ended: number;
  readonly gone: number;
}

/** Ends the traces' spans interleaved, and takes and releases batches meanwhile. */
function drain(
  maxBytes: number,
  trees: readonly (readonly (number | undefined)[])[],
  steps: readonly { which: number; take: number; most: number }[],
): Drained {
  const queue = createTraceQueue(maxBytes);
  const open = trees.map((parents, trace) =>
    parents.map((parent, index) =>
      span(`${trace}.${index}`, parent === undefined ? undefined : `${trace}.${parent}`),
    ),
  );
  const exported: QueuedSpan[] = [];
  let gone = 0;
  let turn = 0;
  let busy: Batch | undefined;
  while (open.some(({ length }) => length > 0)) {
    const { which, take, most } = steps[turn++ % steps.length] ?? { which: 0, take: 0, most: 1 };
    const waiting = open.filter(({ length }) => length > 0);
    const trace = waiting[which % waiting.length];
    const ended = trace?.pop();
    if (ended) gone += queue.add(ended.id.split(".")[0] ?? "", ended);
    if (take === 0) {
      if (busy) queue.release(busy);
      busy = queue.take({ maxSpans: most, maxBytes: 1e9 });
      exported.push(...(busy?.spans ?? []));
    }
    expect(queue.bytes()).toBeLessThanOrEqual(maxBytes);
  }
  for (let rest = queue.take(ALL); rest; rest = queue.take(ALL)) exported.push(...rest.spans);
  return { exported, gone, ended: trees.flat().length };
}

test("however small the queue and however spans are taken, none leaves whose parent does not", () => {
  let torn = 0;
  fc.assert(
    fc.property(
      fc.array(traceTree, { minLength: 1, maxLength: 4 }),
      fc.array(step, { minLength: 1, maxLength: 40, size: "max" }),
      (trees, steps) => {
        // There is room for each span that another hangs on, for a batch that is on its way, and for one more.
        const parents = trees.map((tree) => new Set(tree.slice(1)).size).reduce((sum, size) => sum + size, 0);
        const { exported, ended, gone } = drain((parents + 4 + 1) * 1000, trees, steps);
        const ids = new Set(exported.map(({ id }) => id));
        expect([exported.length, exported.length + gone]).toEqual([ids.size, ended]);
        expect(exported.filter(({ parentId }) => parentId && !ids.has(parentId))).toEqual([]);
        const sizes = trees.map((tree, index) => [
          tree.length,
          exported.filter(({ id }) => id.startsWith(`${index}.`)).length,
        ]);
        if (sizes.some(([all = 0, kept = 0]) => kept > 0 && kept < all)) torn += 1;
      },
    ),
    { numRuns: 500 },
  );
  // It had to.
  expect(torn).toBeGreaterThan(50);
});

test("only where what others hang on fills the queue alone does the oldest of it go too", () => {
  const queue = createTraceQueue(2500);
  const names = ["a", "b", "c"];
  for (const name of names) queue.add(name, span(`${name} child`, name));
  for (let batch = queue.take(ALL); batch; batch = queue.take(ALL)) queue.release(batch);
  expect(names.map((name) => queue.add(name, span(name)))).toEqual([0, 0, 1]);
  expect(namesOf(queue.take(ALL))).toEqual(["b", "c"]);
});

test("what stays of a begun trace does not keep the memory that it shared with what was dropped", () => {
  const queue = createTraceQueue(64 * 1024);
  queue.add("begun", span("begun0"));
  const first = queue.take(ALL);
  if (first) queue.release(first);
  const encoder = createProtobufWriter();
  for (let index = 0; index < 20_000; index++) {
    writeText(encoder, 10, "x".repeat(500));
    queue.add(index % 100 === 0 ? "begun" : `whole ${index}`, {
      source,
      bytes: takePiece(encoder),
      id: `${index}`,
      parentId: undefined,
    });
  }
  const { spans = [] } = queue.take({ maxSpans: 1e6, maxBytes: 1e9 }) ?? {};
  const held = [...new Set(spans.map(({ bytes }) => bytes.buffer))];
  expect(held.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(4 * 64 * 1024);
});

test("what is being sent counts until it is released, and nothing of it is dropped", () => {
  const queue = createTraceQueue(2500);
  queue.add("a", span("a1"));
  queue.add("b", span("b1"));
  const batch = queue.take(ALL);
  expect([queue.count(), queue.bytes()]).toEqual([0, 2000]);
  expect(queue.add("c", span("c1"))).toBe(1);
  if (batch) queue.release(batch);
  expect(queue.bytes()).toBe(0);
  expect(queue.add("d", span("d1"))).toBe(0);
});

test("a trace that was dropped is taken again once the queue has been empty", () => {
  const queue = createTraceQueue(1500);
  queue.add("a", span("a1"));
  queue.add("b", span("b1"));
  expect(queue.add("a", span("a2"))).toBe(1);
  const batch = queue.take(ALL);
  if (batch) queue.release(batch);
  expect(queue.add("a", span("a3"))).toBe(0);
});
