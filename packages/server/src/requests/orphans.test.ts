import { channel } from "node:diagnostics_channel";
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createContextStorage } from "../context-storage.ts";
import { createTracerProvider } from "../tracer/tracer.ts";
import { dropBookkeeping, skipBookkeeping } from "./bookkeeping.ts";
import { nextSpans } from "./next-spans.ts";
import { type ResponseRecord, type ResponseRecords, recordResponses } from "./response-record.ts";
import { createSampler } from "./sampler.ts";
import { silence } from "./silence.ts";

const RUNS = 300;
const LIMITS = { attributes: 128, valueLength: Number.POSITIVE_INFINITY, events: 128, links: 128 };
const KINDS = ["work", "call", "request", "bookkeeping", "ingest", "probe"] as const;

interface Node {
  readonly what: (typeof KINDS)[number];
  /** Opened by `startActiveSpan`, as most are; else by `startSpan` and made current by hand. */
  readonly active: boolean;
  /** Where in the order of ends. */
  readonly ends: number;
  readonly below: readonly Node[];
}

function treeOf(depth: number): fc.Arbitrary<Node> {
  return fc.record({
    what: fc.constantFrom(...KINDS, "work", "request", "bookkeeping"),
    active: fc.boolean(),
    ends: fc.integer({ min: 0, max: 9 }),
    below: depth === 0 ? fc.constant([]) : fc.array(treeOf(depth - 1), { maxLength: 3 }),
  });
}
const tree = treeOf(5);

const setting = fc.record({
  name: fc.constantFrom("", "always_on", "traceidratio", "parentbased_always_on" as const),
  ratio: fc.constantFrom(0, 0.5, 1),
  trustsCaller: fc.boolean(),
  caller: fc.constantFrom(undefined, TraceFlags.NONE, TraceFlags.SAMPLED),
  traceId: fc.stringMatching(/^[0-9a-f]{31}1$/),
});
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

let records: ResponseRecords;
beforeAll(() => {
  const contexts = createContextStorage<ResponseRecord>();
  context.setGlobalContextManager(contexts.manager);
  records = recordResponses(undefined, contexts.requests);
});
afterAll(() => {
  records.stop();
  context.disable();
});

interface Grown {
  /** Each span that was opened, with the nodes above it from the nearest on. */
  readonly opened: readonly { readonly span: Span; readonly above: readonly Span[] }[];
  readonly remote: SpanContext | undefined;
}

/** Opens the tree's spans as a request would, ends them in the tree's order, and closes the response. */
function grow(root: Node, tracer: Tracer, { caller, traceId }: Setting): Grown {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  channel("http.server.request.start").publish({ request, response });
  const remote =
    caller === undefined
      ? undefined
      : { traceId, spanId: "00000000000000aa", traceFlags: caller, isRemote: true };
  const opened: { readonly span: Span; readonly above: readonly Span[] }[] = [];
  const ends: { readonly at: number; readonly span: Span }[] = [];
  const visit = (node: Node, parent: Context, above: readonly Span[]): void => {
    const { name, kind, attributes } = optionsOf(node);
    const inside = node.what === "probe" ? silence(parent) : parent;
    const go = (span: Span, current: Context): void => {
      opened.push({ span, above });
      ends.push({ at: node.ends, span });
      for (const child of node.below) visit(child, current, [span, ...above]);
    };
    if (node.active) {
      context.with(inside, () =>
        tracer.startActiveSpan(name, { kind, attributes }, (span) => go(span, context.active())),
      );
      return;
    }
    const span = tracer.startSpan(name, { kind, attributes }, inside);
    go(span, trace.setSpan(inside, span));
  };
  visit(root, remote ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT, []);
  for (const { span } of ends.sort((a, b) => a.at - b.at)) span.end();
  response.emit("close");
  return { opened, remote };
}

function optionsOf({ what }: Node) {
  const type = { work: "AppRender.getBodyResult", bookkeeping: "NextNodeServer.createComponentTree" };
  const target = what === "ingest" ? "/api/tl/v1/traces" : "/orders/7";
  const isServer = what === "request" || what === "ingest" || what === "probe";
  const kind = isServer ? SpanKind.SERVER : what === "call" ? SpanKind.CLIENT : SpanKind.INTERNAL;
  return {
    name: what,
    kind,
    attributes: {
      ...(isServer && { "next.span_type": "BaseServer.handleRequest", "http.target": target }),
      ...((what === "work" || what === "bookkeeping") && { "next.span_type": type[what] }),
    },
  };
}

/** Each exported span once, below the nearest span above it that was exported too, or else the caller. */
function expectWhole(exported: readonly ReadableSpan[], { opened, remote }: Grown): void {
  const ids = new Set(exported.map((span) => span.spanContext().spanId));
  expect(exported).toHaveLength(ids.size);
  // What stands in for bookkeeping has the id of the span above it, which was opened first and counts.
  const above = new Map([...opened].reverse().map((each) => [each.span.spanContext().spanId, each.above]));
  for (const span of exported) {
    const kept = above.get(span.spanContext().spanId)?.find((each) => ids.has(each.spanContext().spanId));
    expect(span.parentSpanContext?.spanId).toBe((kept?.spanContext() ?? remote)?.spanId);
  }
}

test("whatever is left out of a trace, each exported span hangs on the nearest one above that is exported", () => {
  let seen = 0;
  fc.assert(
    fc.property(tree, setting, (root, chosen) => {
      const exporter = new InMemorySpanExporter();
      const provider = createTracerProvider({
        sampler: createSampler({ ...chosen, paths: { basePath: "", ingestPath: "/api/tl" } }),
        processor: nextSpans(new SimpleSpanProcessor(exporter), records),
        resource: emptyResource(),
        limits: LIMITS,
      });
      skipBookkeeping(provider);
      const grown = grow(root, provider.getTracer("next.js"), chosen);
      const exported = exporter.getFinishedSpans();
      seen += exported.length;
      expect(exported.map(({ name }) => name)).not.toContain("bookkeeping");
      expectWhole(exported, grown);
    }),
    { numRuns: RUNS },
  );
  expect(seen).toBeGreaterThan(RUNS);
});

test("the same of spans that another provider has made", () => {
  let seen = 0;
  fc.assert(
    fc.property(tree, setting, (root, chosen) => {
      const exporter = new InMemorySpanExporter();
      const provider = new BasicTracerProvider({
        sampler: new AlwaysOnSampler(),
        spanProcessors: [dropBookkeeping(nextSpans(new SimpleSpanProcessor(exporter), records))],
      });
      const grown = grow(root, provider.getTracer("next.js"), chosen);
      const exported = exporter.getFinishedSpans();
      seen += exported.length;
      expect(
        exported.some((span) => span.attributes["next.span_type"] === "NextNodeServer.createComponentTree"),
      ).toBe(false);
      expectWhole(exported, grown);
    }),
    { numRuns: RUNS },
  );
  expect(seen).toBeGreaterThan(RUNS);
});

test("what is remembered of another provider's bookkeeping is bounded", () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [dropBookkeeping(new SimpleSpanProcessor(exporter), 2)],
  });
  const tracer = provider.getTracer("next.js");
  const skipped = { attributes: { "next.span_type": "RouteModule.prepare" } };
  const root = tracer.startSpan("root", {}, ROOT_CONTEXT);
  const below = trace.setSpan(ROOT_CONTEXT, root);
  const [first, , , last] = Array.from({ length: 4 }, () => tracer.startSpan("load", skipped, below));
  for (const parent of [first, last]) {
    if (parent) tracer.startSpan("child", {}, trace.setSpan(below, parent)).end();
  }
  const parents = exporter.getFinishedSpans().map((span) => span.parentSpanContext?.spanId);
  expect(parents).toEqual([first?.spanContext().spanId, root.spanContext().spanId]);
});

test("bookkeeping runs where it stood: its result, its error and its current span are the app's", () => {
  const provider = new BasicTracerProvider({ sampler: new AlwaysOnSampler() });
  skipBookkeeping(provider);
  const tracer = provider.getTracer("next.js");
  expect(provider.getTracer("next.js")).toBe(tracer);
  const skipped = { attributes: { "next.span_type": "RouteModule.prepare" } };
  tracer.startActiveSpan("root", (root) => {
    const current = tracer.startActiveSpan("prepare", skipped, (span) => {
      span.setAttribute("a", 1).end();
      return trace.getActiveSpan();
    });
    expect(current).toBe(root);
    expect(root.isRecording()).toBe(true);
    const fails = (): never => {
      throw new Error("mine");
    };
    expect(() => tracer.startActiveSpan("prepare", skipped, fails)).toThrow("mine");
  });
});
