import type { SpanEventShape, SpanJson, TraceDocument, TraceRow } from "@throughline/core";
import { copyButton } from "../copy-button.ts";
import { button, element } from "../dom.ts";
import { formatClock, formatDuration } from "../format.ts";
import { icon } from "../icons.ts";
import { serviceChip } from "../span-marks.ts";
import { groupAttributes, queryTextOf, textOf } from "./attribute-groups.ts";
import {
  EXCEPTION_EVENT,
  EXCEPTION_MESSAGE,
  EXCEPTION_STACKTRACE,
  EXCEPTION_TYPE,
} from "./attribute-names.ts";
import { attributeTable, queryBlock } from "./attribute-table.ts";
import { longList, section } from "./detail-section.ts";
import { longText } from "./long-text.ts";
import { selfTimeMs } from "./self-time.ts";
import { linkedFromSection, linkSection } from "./span-links.ts";
import { logLines } from "./span-logs.ts";
import { summarise } from "./span-summary.ts";

export interface SpanDetail {
  readonly element: HTMLElement;
  show(document: TraceDocument, spanId: string | undefined): void;
}

export interface SpanDetailActions {
  colourOf(service: string): string;
  onChoose(spanId: string): void;
  onClose(): void;
}

/** Everything known about one span. */
export function createSpanDetail(actions: SpanDetailActions): SpanDetail {
  const pane = element("aside", { class: "detail", attributes: { "aria-label": "Span details" } });
  let drawn = "";
  return {
    element: pane,
    show(document, spanId) {
      const index = document.rows.findIndex((row) => row.spanId === spanId);
      const row = document.rows[index];
      const span = document.spans.find((one) => one.spanId === spanId);
      pane.hidden = spanId === undefined;
      if (!row || !span) {
        const absent = `absent ${spanId}`;
        // Drawn anew, a live trace would take the focus from the button at every refresh.
        if (absent === drawn) return;
        drawn = absent;
        pane.replaceChildren(...(spanId === undefined ? [] : [absentHead(spanId, actions)]));
        return;
      }
      const linkedFrom = document.linkedFrom.filter((link) => link.toSpanId === spanId);
      const logs = document.logs.filter((line) => line.spanId === spanId);
      const key = JSON.stringify([span, row, linkedFrom.length, logs.length, document.linkTargets?.length]);
      if (key === drawn) return;
      const sameSpan = pane.getAttribute("data-span") === spanId;
      const { scrollTop } = pane;
      drawn = key;
      pane.setAttribute("data-span", row.spanId);
      pane.replaceChildren(
        paneHead(row, span, actions),
        timing(row, selfTimeMs(document.rows, index), document.summary.startUnixMs),
        ...problems(span),
        ...attributeSections(span),
        ...eventSection(span),
        ...(logs.length === 0 ? [] : [section("Logs", ...logLines(logs, span))]),
        ...linkSection(span.links, document.linkTargets),
        ...linkedFromSection(linkedFrom),
        ...sourceSections(span, actions),
      );
      pane.scrollTop = sameSpan ? scrollTop : 0;
    },
  };
}

/** Where an address asks for a span that is not there. */
function absentHead(spanId: string, actions: SpanDetailActions): HTMLElement {
  return element(
    "div",
    { class: "detail-head" },
    titleLine("This span is not here", undefined, actions),
    element("p", {
      class: "detail-summary",
      text: `The trace has no span ${spanId}: it has not arrived yet, or was never sent. It is shown as soon as it arrives.`,
    }),
  );
}

function titleLine(
  title: string,
  copy: HTMLElement | undefined,
  { onClose }: SpanDetailActions,
): HTMLElement {
  return element(
    "div",
    { class: "detail-title" },
    element("h2", { text: title, title }),
    copy,
    button({ class: "button quiet", label: "Close details", onClick: onClose }, icon("close")),
  );
}

function paneHead(row: TraceRow, span: SpanJson, actions: SpanDetailActions): HTMLElement {
  return element(
    "div",
    { class: "detail-head" },
    titleLine(
      row.label === "" ? "(no name)" : row.label,
      copyButton("span as JSON", () => JSON.stringify(span, null, 2)),
      actions,
    ),
    element("p", { class: "detail-summary", text: summarise(row, span) }),
    element(
      "div",
      { class: "detail-tags" },
      serviceChip(row.service, actions.colourOf(row.service)),
      element("span", { class: "badge", text: row.kind }),
      row.error ? element("span", { class: "badge tone-error" }, icon("error"), "error") : undefined,
      row.orphan
        ? element("span", { class: "badge tone-warning" }, icon("orphan"), "parent missing")
        : undefined,
    ),
  );
}

function timing(row: TraceRow, selfMs: number, traceStartUnixMs: number): HTMLElement {
  const start = traceStartUnixMs + row.offsetMs;
  const facts = [
    ["Duration", formatDuration(row.durationMs)],
    ["Self time", formatDuration(selfMs)],
    ["Starts at", `+${formatDuration(row.offsetMs)}`],
    ["Clock", formatClock(start).slice(11)],
    ...(row.clockShiftMs === undefined
      ? []
      : ([["Clock as sent", formatClock(start - row.clockShiftMs).slice(11)]] as const)),
  ] as const;
  const titles: Readonly<Record<string, string>> = {
    Clock: formatClock(start),
    "Clock as sent": `${formatClock(start - (row.clockShiftMs ?? 0))}: the clock of ${row.service} is wrong`,
  };
  return element(
    "dl",
    { class: "timing" },
    ...facts.map(([name, value]) =>
      element(
        "div",
        { title: titles[name] ?? "" },
        element("dt", { text: name }),
        element("dd", { text: value }),
      ),
    ),
  );
}

function problems(span: SpanJson): HTMLElement[] {
  const shown: HTMLElement[] = [];
  const message = span.status.message;
  if (span.status.code === "error" && message) {
    shown.push(element("p", { class: "status-message" }, icon("error"), longText(message)));
  }
  for (const event of span.events) if (event.name === EXCEPTION_EVENT) shown.push(exception(event));
  return shown;
}

function exception(event: SpanEventShape<string>): HTMLElement {
  const type = textOf(event.attributes, EXCEPTION_TYPE) ?? "Exception";
  const message = textOf(event.attributes, EXCEPTION_MESSAGE) ?? "";
  const stack = textOf(event.attributes, EXCEPTION_STACKTRACE);
  const title = message === "" ? type : `${type}: ${message}`;
  return element(
    "section",
    { class: "exception" },
    element("h3", {}, longText(title)),
    stack === undefined
      ? undefined
      : element(
          "div",
          { class: "snippet" },
          element("pre", { text: stack, attributes: { tabindex: "0" } }),
          copyButton("stack", () => stack),
        ),
  );
}

function attributeSections(span: SpanJson): HTMLElement[] {
  const sql = queryTextOf(span.attributes);
  const sections = sql === undefined ? [] : [section("Query", queryBlock(sql))];
  for (const group of groupAttributes(span.attributes)) {
    sections.push(section(group.title, attributeTable(group.entries)));
  }
  return sections;
}

function eventSection(span: SpanJson): HTMLElement[] {
  if (span.events.length === 0) return [];
  const start = BigInt(span.startUnixNano);
  const draw = (event: SpanEventShape<string>): HTMLElement => {
    const afterMs = Number(BigInt(event.timeUnixNano) - start) / 1e6;
    const entries = Object.entries(event.attributes).filter(([key]) => key !== EXCEPTION_STACKTRACE);
    return element(
      "li",
      {},
      element(
        "div",
        { class: "event-head" },
        element("span", { class: "event-name", text: event.name }),
        element("span", { class: "event-time", text: `${afterMs < 0 ? "" : "+"}${formatDuration(afterMs)}` }),
      ),
      entries.length === 0 ? undefined : attributeTable(entries),
    );
  };
  return [section("Events", ...longList(span.events, "events", draw))];
}

function sourceSections(span: SpanJson, actions: SpanDetailActions): HTMLElement[] {
  const scope =
    span.scope.version === undefined ? span.scope.name : `${span.scope.name} ${span.scope.version}`;
  const { parentSpanId } = span;
  const identity = [
    ["name", span.name],
    ["span id", span.spanId],
    ["trace id", span.traceId],
    ...(parentSpanId === undefined ? [] : ([["parent id", parentSpanId]] as const)),
    ...(scope === "" ? [] : ([["scope", scope]] as const)),
    ...(span.traceState === undefined ? [] : ([["tracestate", span.traceState]] as const)),
    ...(span.droppedCount === 0 ? [] : ([["dropped by sender", span.droppedCount]] as const)),
  ] as const;
  const parent =
    parentSpanId === undefined
      ? undefined
      : button({
          class: "button small",
          text: "Go to parent",
          onClick: () => actions.onChoose(parentSpanId),
        });
  return [
    section("Resource", attributeTable(Object.entries(span.resource).sort(([a], [b]) => (a < b ? -1 : 1)))),
    section("Span", attributeTable(identity), parent),
  ];
}
