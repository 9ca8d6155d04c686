import type { TraceSummary } from "@throughline/core";
import { element } from "../dom.ts";
import { formatAgo, formatClock, formatCount, formatDuration, workMsOf } from "../format.ts";
import { countBadge, ERROR_LOOK, PROBLEM_LOOK, serviceChip, statusTone } from "../span-marks.ts";

const MOST_CHIPS = 4;

export interface ListRow {
  readonly element: HTMLLIElement;
  /** Redraws only what changed. */
  update(trace: TraceSummary, fullBarMs: number): void;
  /** Lets "12 s ago" move on. */
  tick(nowMs: number): void;
}

export function createListRow(colourOf: (service: string) => string): ListRow {
  const link = element("a", { class: "trace-row" });
  const item = element("li", {}, link);
  let drawn = "";
  let bar: HTMLElement | undefined;
  let when: HTMLElement | undefined;
  let startUnixMs = 0;
  return {
    element: item,
    update(trace, fullBarMs) {
      const text = JSON.stringify(trace);
      if (text !== drawn) {
        drawn = text;
        startUnixMs = trace.startUnixMs;
        bar = element("span", { class: "trace-bar-fill" });
        when = element("time", { class: "trace-when", title: formatClock(trace.startUnixMs) });
        link.href = `/trace/${encodeURIComponent(trace.traceId)}`;
        link.classList.toggle("has-error", trace.errorCount > 0);
        link.replaceChildren(
          nameCell(trace),
          statusCell(trace),
          servicesCell(trace, colourOf),
          element("span", { class: "trace-spans", text: formatCount(trace.spanCount) }),
          element(
            "span",
            { class: "trace-duration" },
            element("span", { class: "trace-bar", attributes: { "aria-hidden": "true" } }, bar),
            element("span", { text: formatDuration(workMsOf(trace)) }),
          ),
          when,
        );
      }
      if (bar) bar.style.width = `${share(workMsOf(trace), fullBarMs)}%`;
    },
    tick(nowMs) {
      if (when) when.textContent = formatAgo(startUnixMs, nowMs);
    },
  };
}

function nameCell(trace: TraceSummary): HTMLElement {
  return element(
    "span",
    { class: "trace-name" },
    element("span", { class: "trace-label", text: trace.name === "" ? "(no name)" : trace.name }),
    trace.request === undefined
      ? undefined
      : element("span", { class: "trace-request", text: trace.request, title: trace.request }),
    countBadge(trace.errorCount, "error", ERROR_LOOK),
    countBadge(trace.problemCount, "problem", PROBLEM_LOOK),
    trace.testCaseId === undefined
      ? undefined
      : element("span", { class: "badge", title: trace.testCaseId, text: "test" }),
  );
}

function statusCell(trace: TraceSummary): HTMLElement {
  const code = trace.statusCode;
  const tone = code === undefined ? "" : ` ${statusTone(code)}`;
  return element("span", { class: `trace-status${tone}`, text: code === undefined ? "–" : String(code) });
}

function servicesCell(trace: TraceSummary, colourOf: (service: string) => string): HTMLElement {
  const shown = trace.services.slice(0, MOST_CHIPS);
  const rest = trace.services.slice(MOST_CHIPS);
  return element(
    "span",
    { class: "trace-services" },
    ...shown.map((service) => serviceChip(service, colourOf(service))),
    rest.length === 0
      ? undefined
      : element("span", { class: "chip chip-more", title: rest.join(", "), text: `+${rest.length}` }),
  );
}

/** The duration that fills a bar: nine of ten traces fit, so that one slow trace does not shrink all others to dots. */
export function fullBarMs(durationsMs: readonly number[]): number {
  const sorted = [...durationsMs].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.9) - 1] ?? 0;
}

function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.max(0, Math.min(100, (part / whole) * 100));
}
