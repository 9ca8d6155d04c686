import { button, element } from "../dom.ts";
import { counted } from "../format.ts";
import { icon } from "../icons.ts";
import type { TraceScene } from "./trace-scene.ts";
import type { TraceState } from "./trace-state.ts";

export interface TraceToolbar {
  readonly element: HTMLElement;
  readonly search: HTMLInputElement;
  show(scene: TraceScene, state: TraceState): void;
}

export interface TraceToolbarActions {
  onQuery(query: string): void;
  onMatch(step: 1 | -1): void;
  /** Escape in the search field. */
  onLeaveSearch(): void;
  onCollapseAll(): void;
  onFramework(): void;
}

export function createTraceToolbar(actions: TraceToolbarActions): TraceToolbar {
  const search = searchField(actions);
  const count = element("span", { class: "match-count", attributes: { role: "status" } });
  const collapse = button({ class: "button small", onClick: () => actions.onCollapseAll() });
  const framework = button({ class: "button small toggle", onClick: () => actions.onFramework() });
  return {
    search,
    element: element(
      "div",
      { class: "toolbar trace-toolbar", attributes: { role: "search" } },
      element("label", { class: "search" }, icon("search"), search, count, element("kbd", { text: "/" })),
      element("span", { class: "spring" }),
      framework,
      collapse,
    ),
    show(scene, state) {
      if (search.value.trim() !== state.query) search.value = state.query;
      count.textContent = matchText(scene, state);
      collapse.textContent = state.collapsed.size > 0 ? "Expand all" : "Collapse all";
      framework.hidden = scene.frameworkCount === 0;
      framework.setAttribute("aria-pressed", String(state.hideFramework));
      framework.textContent = `${state.hideFramework ? "Show" : "Hide"} ${counted(scene.frameworkCount, "framework span")}`;
    },
  };
}

function searchField(actions: TraceToolbarActions): HTMLInputElement {
  const search = element("input", {
    attributes: {
      type: "search",
      placeholder: "Search spans, or key=value",
      "aria-label": "Search in this trace",
      spellcheck: "false",
      autocomplete: "off",
    },
  });
  search.addEventListener("input", () => actions.onQuery(search.value.trim()));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") actions.onMatch(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") actions.onLeaveSearch();
  });
  return search;
}

function matchText(scene: TraceScene, state: TraceState): string {
  if (!scene.matches) return "";
  if (scene.matches.length === 0) return "no match";
  const at = state.spanId === undefined ? -1 : scene.matches.indexOf(state.spanId);
  return at === -1
    ? counted(scene.matches.length, "match").replace("matchs", "matches")
    : `${at + 1} of ${scene.matches.length}`;
}
