import type { ListQuery } from "../collector-api.ts";
import { button, element } from "../dom.ts";
import { formatDuration } from "../format.ts";
import { icon } from "../icons.ts";
import { findTraceId } from "./list-state.ts";

export interface ListToolbar {
  readonly element: HTMLElement;
  readonly search: HTMLInputElement;
  show(state: ListQuery, services: readonly string[]): void;
  showPaused(paused: boolean, missed: number): void;
}

export interface ToolbarActions {
  onFilter(change: Partial<ListQuery>): void;
  onTraceId(traceId: string): void;
  onPause(): void;
  onClear(): void;
}

export function createListToolbar(actions: ToolbarActions): ListToolbar {
  const search = searchField(actions);
  const service = element("select", { class: "field", attributes: { "aria-label": "Service" } });
  service.addEventListener("change", () => actions.onFilter({ service: service.value }));
  const duration = durationField(actions);
  const errors = button({ class: "button toggle", text: "Errors" });
  errors.addEventListener("click", () =>
    actions.onFilter({ errors: errors.getAttribute("aria-pressed") !== "true" }),
  );
  const pause = button({ class: "button pause", onClick: () => actions.onPause() });
  const toolbar = element(
    "div",
    { class: "toolbar", attributes: { role: "search" } },
    element("label", { class: "search" }, icon("search"), search, element("kbd", { text: "/" })),
    service,
    duration,
    errors,
    element("span", { class: "spring" }),
    pause,
    clearButton(actions),
  );
  let offered = "";
  return {
    element: toolbar,
    search,
    show(state, services) {
      if (document.activeElement !== search) search.value = state.q;
      errors.setAttribute("aria-pressed", String(state.errors));
      showDuration(duration, state.minMs);
      const key = JSON.stringify([services, state.service]);
      if (key === offered) return;
      offered = key;
      service.replaceChildren(
        new Option("All services", ""),
        ...services.map((name) => new Option(name, name, false, name === state.service)),
      );
    },
    showPaused(paused, missed) {
      const waiting = missed === 0 ? "Resume" : `Resume · ${missed} new`;
      pause.replaceChildren(icon(paused ? "play" : "pause"), paused ? waiting : "Pause");
      pause.classList.toggle("is-paused", paused);
    },
  };
}

const LEAST_MS = [0, 100, 500, 1000, 5000];

function durationField(actions: ToolbarActions): HTMLSelectElement {
  const field = element("select", { class: "field", attributes: { "aria-label": "Duration" } });
  field.addEventListener("change", () => actions.onFilter({ minMs: Number(field.value) }));
  return field;
}

// What the address asks for is offered too.
function showDuration(field: HTMLSelectElement, minMs: number): void {
  if (field.value === String(minMs)) return;
  const offered = [...new Set([...LEAST_MS, minMs])].sort((a, b) => a - b);
  field.replaceChildren(
    ...offered.map((ms) => {
      const text = ms === 0 ? "Any duration" : `≥ ${formatDuration(ms)}`;
      return new Option(text, String(ms), false, ms === minMs);
    }),
  );
}

function searchField(actions: ToolbarActions): HTMLInputElement {
  const search = element("input", {
    attributes: {
      type: "search",
      placeholder: "Filter by route, message, key=value, trace id",
      "aria-label": "Filter traces",
      spellcheck: "false",
      autocomplete: "off",
    },
  });
  search.addEventListener("input", () => actions.onFilter({ q: search.value.trim() }));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") search.blur();
    if (event.key !== "Enter") return;
    const traceId = findTraceId(search.value);
    if (traceId !== undefined) actions.onTraceId(traceId);
  });
  return search;
}

// The second press is the confirmation; leaving the button takes the first one back.
function clearButton(actions: ToolbarActions): HTMLButtonElement {
  const clear = button({ class: "button clear" });
  let armed = false;
  const arm = (on: boolean): void => {
    armed = on;
    clear.replaceChildren(icon("trash"), on ? "Delete all traces?" : "Clear");
    clear.classList.toggle("is-armed", on);
  };
  clear.addEventListener("click", () => {
    if (armed) actions.onClear();
    arm(!armed);
  });
  clear.addEventListener("blur", () => arm(false));
  clear.addEventListener("pointerleave", () => arm(false));
  arm(false);
  return clear;
}
