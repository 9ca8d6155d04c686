import type { HrTime } from "@opentelemetry/api";

interface Tracked {
  readonly parentId: string | undefined;
  readonly isNext: boolean;
  /** When the last of its descendants ended, where that was later. */
  latest: HrTime | undefined;
  /** Spans right below it that are not forgotten. */
  below: number;
  isForgotten: boolean;
}

export interface SpanEnds {
  /** `isNext`: one of Next.js's own. */
  opened(spanId: string, parentId: string | undefined, isNext?: boolean): void;
  /** Tells every span above that one below has ended. */
  ended(spanId: string, end: HrTime): void;
  /** The end of a span, or of the last span below it. */
  endOf(spanId: string, end: HrTime): HrTime;
  /** Whether a span with this parent is somewhere below another one; `by Next.js`: one of its own spans is between. */
  isBelow(topId: string, parentId: string | undefined): "no" | "yes" | "by Next.js";
  /** Once nothing below it is known any more; until then it hands on the ends of those. */
  forget(spanId: string): void;
}

/**
 * The spans of one request that are open or held, and when the last span below each has ended. Next.js ends the span
 * of a page or handler when its function returns, which is before a streamed part has run; and clocks that start at
 * a whole millisecond let a child end up to one after its parent.
 */
export function trackEnds(): SpanEnds {
  const spans = new Map<string, Tracked>();
  return {
    opened(spanId: string, parentId: string | undefined, isNext = false): void {
      spans.set(spanId, { parentId, isNext, latest: undefined, below: 0, isForgotten: false });
      const parent = spans.get(parentId ?? "");
      if (parent) parent.below += 1;
    },
    ended(spanId: string, end: HrTime): void {
      let above = spans.get(spans.get(spanId)?.parentId ?? "");
      while (above && (above.latest === undefined || isLater(end, above.latest))) {
        above.latest = end;
        above = spans.get(above.parentId ?? "");
      }
    },
    endOf(spanId: string, end: HrTime): HrTime {
      const latest = spans.get(spanId)?.latest;
      return latest && isLater(latest, end) ? latest : end;
    },
    isBelow(topId: string, parentId: string | undefined) {
      let above = parentId;
      let isByNext = false;
      while (above !== undefined && above !== topId) {
        const span = spans.get(above);
        isByNext ||= span?.isNext === true;
        above = span?.parentId;
      }
      if (above !== topId) return "no";
      return isByNext ? "by Next.js" : "yes";
    },
    forget(spanId: string): void {
      let [id, span] = [spanId, spans.get(spanId)];
      if (span) span.isForgotten = true;
      while (span?.isForgotten && span.below === 0) {
        spans.delete(id);
        id = span.parentId ?? "";
        span = spans.get(id);
        if (span) span.below -= 1;
      }
    },
  };
}

function isLater(a: HrTime, b: HrTime): boolean {
  return a[0] === b[0] ? a[1] > b[1] : a[0] > b[0];
}
