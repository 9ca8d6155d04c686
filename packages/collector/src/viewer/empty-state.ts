import { copyButton } from "./copy-button.ts";
import { button, element } from "./dom.ts";
import { findTraceId } from "./list/list-state.ts";

/** What a newcomer needs before the first trace. */
export function firstSteps(origin: string): HTMLElement {
  const lines = [
    "OTEL_ENABLED=true",
    "OTEL_TRACES_SAMPLER_ARG=1",
    `OTEL_EXPORTER_OTLP_ENDPOINT=${origin}`,
  ].join("\n");
  const doctor = "npx throughline doctor http://localhost:3000";
  return element(
    "section",
    { class: "empty" },
    element("span", { class: "pulse", attributes: { "aria-hidden": "true" } }),
    element("h2", { text: "Waiting for the first trace" }),
    element("p", { text: "Build and start your app with these lines in its environment:" }),
    element(
      "div",
      { class: "snippet" },
      element("pre", { text: lines }),
      copyButton("environment lines", () => lines),
    ),
    element("p", {
      text: "Then click something in it. The trace shows up here by itself, from the click to the last query.",
    }),
    element("p", {
      text: "Nothing after a minute? With your app's address, this says which step is broken:",
    }),
    element(
      "div",
      { class: "snippet" },
      element("pre", { text: doctor }),
      copyButton("command", () => doctor),
    ),
    element("p", {
      class: "hint",
      text: "Any OpenTelemetry SDK works: OTLP over HTTP (protobuf or JSON) at /v1/traces on this address, gRPC on the collector's gRPC port.",
    }),
  );
}

const HELD = "The filter looks at the traces the collector still holds.";

function howWordsFind(): readonly (string | HTMLElement)[] {
  const example = element("code", { text: "http.response.status_code=500" });
  const where = "each word is looked for in the labels, services, messages and attributes of all spans";
  return [`${HELD} There ${where}; `, example, " looks into that one attribute."];
}

/** What a reader needs whose filter matches nothing. */
export function nothingMatches(query: string, onReset: () => void): HTMLElement {
  const traceId = findTraceId(query);
  return element(
    "section",
    { class: "empty" },
    element("h2", { text: "No trace matches" }),
    element("p", {}, ...(query === "" ? [HELD] : howWordsFind())),
    traceId === undefined
      ? undefined
      : element("a", {
          class: "button",
          text: "Open this trace id",
          attributes: { href: `/trace/${traceId}` },
        }),
    button({ class: "button", text: "Reset the filter", onClick: onReset }),
  );
}

/** What is shown when a question to the collector failed. */
export function notice(title: string, detail: string): HTMLElement {
  return element(
    "section",
    { class: "empty" },
    element("h2", { text: title }),
    element("p", { text: detail }),
  );
}
