import type { SpanJson, TraceDocument, TraceRow } from "@throughline/core";
import { workMsOf } from "../format.ts";
import { NEXT_SPAN_TYPE } from "./attribute-names.ts";
import { type VisibleRow, visibleRows } from "./row-tree.ts";
import type { TimeRange } from "./time-axis.ts";
import { createTraceSearch } from "./trace-search.ts";
import type { TraceState } from "./trace-state.ts";

/** A trace as the reader's choices show it; everything the page draws comes from here. */
export interface TraceScene {
  readonly document: TraceDocument;
  readonly spans: ReadonlyMap<string, SpanJson>;
  readonly visible: readonly VisibleRow[];
  /** Place of the chosen span in `visible`, or -1. */
  readonly cursor: number;
  /** Span ids the search found, in row order; undefined without a search. */
  readonly matches: readonly string[] | undefined;
  readonly whole: TimeRange;
  readonly range: TimeRange;
  /** Rows that the framework switch can hide. */
  readonly frameworkCount: number;
}

/** Prepares a document once, then shows it for any state. */
export function createSceneMaker(document: TraceDocument): (state: TraceState) => TraceScene {
  const spans = new Map(document.spans.map((span) => [span.spanId, span]));
  const search = createTraceSearch(document);
  const isFramework = (row: TraceRow): boolean => {
    if (row.kind !== "internal" || row.error || row.orphan || row.depth === 0) return false;
    return spans.get(row.spanId)?.attributes[NEXT_SPAN_TYPE] !== undefined;
  };
  const frameworkCount = document.rows.filter(isFramework).length;
  const whole = { fromMs: 0, toMs: workMsOf(document.summary) };
  // Moving the cursor changes neither the rows nor the matches; thousands of spans make that worth knowing.
  const rowsOf = keepLast((collapsed: ReadonlySet<string>, hide: boolean) =>
    visibleRows(document.rows, { collapsed, isSkipped: (row) => hide && isFramework(row) }),
  );
  const matchesOf = keepLast((query: string) => search(query));
  return (state) => {
    const visible = rowsOf(state.collapsed, state.hideFramework);
    return {
      document,
      spans,
      visible,
      cursor: visible.findIndex(({ row }) => row.spanId === state.spanId),
      matches: state.query.trim() === "" ? undefined : matchesOf(state.query),
      whole,
      range: state.zoom ?? whole,
      frameworkCount,
    };
  };
}

function keepLast<A extends readonly unknown[], R>(make: (...given: A) => R): (...given: A) => R {
  let last: { readonly given: A; readonly made: R } | undefined;
  return (...given) => {
    if (!last?.given.every((value, at) => Object.is(value, given[at])))
      last = { given, made: make(...given) };
    return last.made;
  };
}
