import { button, element } from "../dom.ts";
import { formatDuration } from "../format.ts";
import { icon } from "../icons.ts";
import { statusTone } from "../span-marks.ts";
import { DEEPEST_INDENT, type VisibleRow } from "./row-tree.ts";
import { barBox, type TimeRange } from "./time-axis.ts";

export interface RowLook {
  readonly index: number;
  readonly range: TimeRange;
  /** What later begins or ends lies beyond the right edge. */
  readonly whole: TimeRange;
  readonly colour: string;
  readonly selected: boolean;
  /** Undefined without a search. */
  readonly match: boolean | undefined;
}

/** The id by which the grid names its active row. */
export function rowId(spanId: string): string {
  return `span-${spanId}`;
}

/** One row of the waterfall: the tree on the left, the bar on the right. */
export function drawRow(visible: VisibleRow, look: RowLook): HTMLElement {
  const { row } = visible;
  const classes = ["span-row", look.colour];
  if (row.error) classes.push("has-error");
  if (look.match === true) classes.push("is-match");
  if (look.match === false) classes.push("is-dimmed");
  const made = element(
    "div",
    {
      class: classes.join(" "),
      attributes: {
        role: "row",
        id: rowId(row.spanId),
        "data-span": row.spanId,
        "aria-level": String(visible.depth + 1),
        "aria-rowindex": String(look.index + 2),
        ...(visible.expandable ? { "aria-expanded": String(!visible.collapsed) } : {}),
      },
    },
    nameCell(visible),
    timelineCell(visible, look),
  );
  markSelected(made, look.selected);
  return made;
}

/** Marks the row the keyboard is on. */
export function markSelected(row: HTMLElement, selected: boolean): void {
  row.classList.toggle("is-selected", selected);
  row.setAttribute("aria-selected", String(selected));
}

function nameCell(visible: VisibleRow): HTMLElement {
  const { row } = visible;
  return element(
    "div",
    { class: "span-name", attributes: { role: "gridcell" } },
    ...guides(visible),
    twist(visible),
    element("span", { class: "dot" }),
    row.error ? mark("error", "tone-error", "Error") : undefined,
    row.orphan
      ? mark("orphan", "tone-warning", "Its parent never arrived: shown as a root of its own")
      : undefined,
    element("span", {
      class: "span-label",
      text: row.label === "" ? "(no name)" : row.label,
      title: row.label,
    }),
    row.statusCode === undefined || row.statusCode < 400
      ? undefined
      : element("span", { class: `span-status ${statusTone(row.statusCode)}`, text: String(row.statusCode) }),
    row.note === undefined
      ? undefined
      : element("span", { class: "span-note", text: row.note, title: row.note }),
    element("span", { class: "span-service", text: row.service }),
    visible.collapsed
      ? element("span", { class: "span-hidden", text: `+${visible.hiddenCount}` })
      : undefined,
  );
}

function guides(visible: VisibleRow): HTMLElement[] {
  const depth = Math.min(visible.depth, DEEPEST_INDENT);
  const lines: HTMLElement[] = [];
  for (let column = 1; column <= depth; column++) {
    const goesOn = (visible.guides & (1 << column)) !== 0;
    const own = column === depth;
    const shape = own ? (goesOn ? "tee" : "elbow") : goesOn ? "line" : "blank";
    lines.push(element("i", { class: `guide guide-${shape}` }));
  }
  return lines;
}

function twist(visible: VisibleRow): HTMLElement {
  if (!visible.expandable) return element("span", { class: "twist" });
  // The grid's own keys open and close rows; a second tab stop a row would be in the way.
  const made = button(
    {
      class: `twist${visible.collapsed ? "" : " is-open"}`,
      label: visible.collapsed ? "Expand" : "Collapse",
    },
    icon("chevron"),
  );
  made.tabIndex = -1;
  return made;
}

function mark(name: "error" | "orphan", tone: string, title: string): HTMLElement {
  return element(
    "span",
    { class: `span-mark ${tone}`, title, attributes: { role: "img", "aria-label": title } },
    icon(name),
  );
}

function timelineCell({ row }: VisibleRow, { range, whole }: RowLook): HTMLElement {
  const cell = element("div", { class: "span-timeline", attributes: { role: "gridcell" } });
  const duration = formatDuration(row.durationMs);
  if (row.offsetMs > whole.toMs) {
    cell.append(latePin(row.offsetMs, duration));
    return cell;
  }
  const box = barBox(row, range);
  if (!box) {
    cell.setAttribute("aria-label", duration);
    return cell;
  }
  // The sum of two rounded times may lie a hair above the third.
  const goesOn = row.offsetMs + row.durationMs > whole.toMs + 0.001 && range.toMs >= whole.toMs;
  const bar = element("span", { class: goesOn ? "bar goes-on" : "bar" });
  bar.style.left = `${box.left * 100}%`;
  bar.style.width = `${box.width * 100}%`;
  const label = element("span", { class: "bar-label", text: duration });
  label.style.left = `${(box.left + box.width) * 100}%`;
  cell.append(element("span", { class: "lane" }, bar, label));
  return cell;
}

// On the axis it would press the work of the trace into a corner.
function latePin(offsetMs: number, duration: string): HTMLElement {
  const after = `+${formatDuration(offsetMs)}`;
  const title = `Began ${after} after the start, when the work of the trace was done; it lasted ${duration}`;
  const label = element("span", { class: "bar-label", text: after });
  return element("span", { class: "lane late", title }, element("span", { class: "bar" }), label);
}
