import type { TraceSummary } from "@throughline/core";
import { copyButton } from "../copy-button.ts";
import { button, element } from "../dom.ts";
import { counted, formatAgo, formatClock, formatDuration, workMsOf } from "../format.ts";
import { icon } from "../icons.ts";
import { countButton, ERROR_LOOK, PROBLEM_LOOK, serviceChip, statusTone } from "../span-marks.ts";

export interface TraceHeader {
  readonly element: HTMLElement;
  show(summary: TraceSummary): void;
}

export interface TraceHeaderActions {
  /** Address of the list as the reader has left it. */
  readonly listUrl: string;
  colourOf(service: string): string;
  onNextError(): void;
  onNextProblem(): void;
}

/** Names of hundreds of services would leave no room for the spans. */
const MOST_SERVICES = 8;

/** Name, outcome, id, time and services of the open trace. */
export function createTraceHeader(actions: TraceHeaderActions): TraceHeader {
  const header = element("div", { class: "trace-header" });
  const legend = createLegend(actions.colourOf);
  let drawn = "";
  return {
    element: header,
    show(summary) {
      const key = JSON.stringify(summary);
      if (key === drawn) return;
      drawn = key;
      legend.show(summary.services);
      header.replaceChildren(titleLine(summary, actions), factLine(summary, legend.element));
    },
  };
}

/** The services in the colours of their spans: the first few, all of them when asked to. */
function createLegend(colourOf: (service: string) => string) {
  const legend = element("span", { class: "legend" });
  let all = false;
  const show = (services: readonly string[]): void => {
    const shown = all ? services : services.slice(0, MOST_SERVICES);
    const toggle = button({
      class: "button small",
      text: all ? "Show fewer" : `Show all ${services.length} services`,
      attributes: { "aria-expanded": String(all) },
      onClick() {
        all = !all;
        show(services);
        legend.querySelector("button")?.focus();
      },
    });
    legend.replaceChildren(
      ...(services.length > MOST_SERVICES ? [toggle] : []),
      ...shown.map((service) => serviceChip(service, colourOf(service))),
    );
  };
  return { element: legend, show };
}

function titleLine(summary: TraceSummary, actions: TraceHeaderActions): HTMLElement {
  const code = summary.statusCode;
  return element(
    "div",
    { class: "trace-title" },
    element(
      "a",
      {
        class: "button quiet back",
        attributes: { href: actions.listUrl, "aria-label": "All traces" },
        title: "All traces",
      },
      icon("back"),
    ),
    element("h1", { text: summary.name === "" ? "(no name)" : summary.name, title: summary.name }),
    code === undefined
      ? undefined
      : element("span", { class: `badge ${statusTone(code)}`, text: String(code) }),
    countButton(summary.errorCount, "error", ERROR_LOOK, actions.onNextError),
    countButton(summary.problemCount, "problem", PROBLEM_LOOK, actions.onNextProblem),
  );
}

function factLine(summary: TraceSummary, legend: HTMLElement): HTMLElement {
  const started = `${formatAgo(summary.startUnixMs, Date.now())} at this page's last update`;
  return element(
    "div",
    { class: "trace-facts" },
    element("span", { class: "fact fact-strong", text: formatDuration(workMsOf(summary)) }),
    lateFact(summary),
    element("span", { class: "fact", text: counted(summary.spanCount, "span") }),
    element("time", { class: "fact", text: formatClock(summary.startUnixMs), title: started }),
    element(
      "span",
      { class: "fact trace-id" },
      element("code", { text: summary.traceId }),
      copyButton("trace id", () => summary.traceId),
    ),
    summary.testCaseId === undefined
      ? undefined
      : element("span", { class: "fact", text: `Test ${summary.testCaseId}` }),
    legend,
  );
}

function lateFact(summary: TraceSummary): HTMLElement | undefined {
  const last = formatDuration(summary.durationMs);
  if (last === formatDuration(workMsOf(summary))) return undefined;
  const title =
    "What the page told after its work was done: web vitals, late errors, requests cut when it was left";
  return element("span", { class: "fact", text: `last span ends at +${last}`, title });
}
