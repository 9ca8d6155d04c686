import type { Finding } from "@throughline/core";
import { button, element } from "../dom.ts";
import { counted } from "../format.ts";
import { icon } from "../icons.ts";

const SHOWN_AT_FIRST = 3;
const ORDER = { error: 0, warning: 1, info: 2 } as const;
const ICONS = { error: "error", warning: "alert", info: "info" } as const;

export interface FindingsPanel {
  readonly element: HTMLElement;
  show(findings: readonly Finding[]): void;
}

/** What is wrong with the trace, worst first; pressing a finding goes to its span, again to its next span. */
export function createFindingsPanel(onChoose: (spanId: string) => void): FindingsPanel {
  const panel = element("section", { class: "findings", attributes: { "aria-label": "Findings" } });
  let all = false;
  let drawn = "";
  function show(findings: readonly Finding[]): void {
    const key = JSON.stringify([findings, all]);
    if (key === drawn) return;
    drawn = key;
    panel.hidden = findings.length === 0;
    const sorted = [...findings].sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);
    const shown = all ? sorted : sorted.slice(0, SHOWN_AT_FIRST);
    const toggle = button({
      class: "button small",
      text: all ? "Show fewer" : `Show all ${counted(findings.length, "finding")}`,
      onClick() {
        all = !all;
        show(findings);
      },
    });
    panel.replaceChildren(
      element("ul", {}, ...shown.map((finding) => element("li", {}, findingButton(finding, onChoose)))),
      ...(findings.length > SHOWN_AT_FIRST ? [toggle] : []),
    );
  }
  return { element: panel, show };
}

function findingButton(finding: Finding, onChoose: (spanId: string) => void): HTMLButtonElement {
  let next = 0;
  return button(
    {
      class: `finding finding-${finding.severity}`,
      onClick() {
        const spanId = finding.spanIds[next++ % Math.max(1, finding.spanIds.length)];
        if (spanId !== undefined) onChoose(spanId);
      },
    },
    icon(ICONS[finding.severity]),
    element(
      "span",
      { class: "finding-text" },
      element(
        "span",
        { class: "finding-message" },
        element("strong", { text: finding.message }),
        element("code", { class: "finding-code", text: finding.code }),
      ),
      element(
        "span",
        { class: "finding-why" },
        reason("cause", "Cause ", finding.cause),
        reason("fix", "Fix ", finding.fix),
      ),
    ),
  );
}

function reason(name: "cause" | "fix", title: string, text: string): HTMLElement {
  const words = element("span", { text });
  return element("span", { class: `finding-${name}` }, element("b", { text: title }), words);
}
