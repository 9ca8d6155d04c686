import type { LogLine, SpanJson } from "@throughline/core";
import { element } from "../dom.ts";
import { formatDuration } from "../format.ts";
import { EXCEPTION_STACKTRACE } from "./attribute-names.ts";
import { attributeTable } from "./attribute-table.ts";
import { longList } from "./detail-section.ts";

/** From here on a line is a warning, from there an error: https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
const WARNING = 13;
const ERROR = 17;

/** What was logged while this span was current, each with its time after the span's start. */
export function logLines(lines: readonly LogLine[], span: SpanJson): readonly HTMLElement[] {
  const start = BigInt(span.startUnixNano);
  return longList(lines, "lines", (line) => logLine(line, start));
}

function logLine(line: LogLine, start: bigint): HTMLElement {
  const afterMs = Number(BigInt(line.timeUnixNano) - start) / 1e6;
  const entries = Object.entries(line.attributes).filter(([key]) => key !== EXCEPTION_STACKTRACE);
  return element(
    "li",
    {},
    element(
      "div",
      { class: "event-head" },
      element(
        "span",
        { class: "event-name" },
        severity(line),
        " ",
        element("span", { text: line.body === "" ? "(no text)" : line.body }),
      ),
      element("span", { class: "event-time", text: `${afterMs < 0 ? "" : "+"}${formatDuration(afterMs)}` }),
    ),
    entries.length === 0 ? undefined : attributeTable(entries),
  );
}

function severity({ severityNumber, severityText }: LogLine): HTMLElement | undefined {
  if (severityText === "") return undefined;
  const tone = severityNumber >= ERROR ? " tone-error" : severityNumber >= WARNING ? " tone-warning" : "";
  return element("span", { class: `badge${tone}`, text: severityText });
}
