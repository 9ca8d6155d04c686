import type { SpanJson } from "@throughline/core";

/** What HTTP and network attributes were called before. https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/ */
const OLD =
  /^(http\.(method|url|target|host|scheme|flavor|status_code|user_agent|client_ip|server_name|(request|response)_content_length(_uncompressed)?)|net\.(peer|host|sock|transport|protocol|app)(\..+)?)$/;

/** Each attribute of these spans that has such a name. */
export function oldNamesIn(spans: readonly SpanJson[]): readonly string[] {
  return spans.flatMap(({ name, kind, attributes }) =>
    Object.keys(attributes)
      .filter((key) => OLD.test(key))
      .map((key) => `${key} on ${name} · ${kind}`),
  );
}
