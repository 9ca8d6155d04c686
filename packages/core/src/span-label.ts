import {
  DB_COLLECTION_NAME,
  DB_OPERATION_NAME,
  DB_QUERY_TEXT,
  DB_SYSTEM_NAME,
  HTTP_REQUEST_METHOD,
  HTTP_RESPONSE_STATUS_CODE,
  HTTP_ROUTE,
  OLD_DB_OPERATION,
  OLD_DB_STATEMENT,
  OLD_DB_SYSTEM,
  OLD_HTTP_METHOD,
  OLD_HTTP_STATUS_CODE,
  OLD_HTTP_TARGET,
  OLD_HTTP_URL,
  URL_FULL,
  URL_PATH,
} from "./attributes.ts";
import type { Attributes, SpanShape } from "./span-record.ts";

type Labelled = Pick<SpanShape<unknown>, "name" | "kind" | "attributes">;

/** The request method of an HTTP span, in stable or old conventions. */
export function methodOf(span: Labelled): string | undefined {
  return textOf(span.attributes, HTTP_REQUEST_METHOD, OLD_HTTP_METHOD);
}

/** The path of an HTTP span's URL, without query: `/api/orders`. */
export function pathOf(span: Labelled): string | undefined {
  const path = textOf(span.attributes, URL_PATH);
  if (path !== undefined) return path;
  const full = textOf(span.attributes, URL_FULL, OLD_HTTP_URL);
  if (full !== undefined) return pathOfUrl(full);
  return textOf(span.attributes, OLD_HTTP_TARGET)?.split("?")[0];
}

/** The route of a SERVER span (`/orders/[id]`), else undefined. */
export function routeOf(span: Labelled): string | undefined {
  return textOf(span.attributes, HTTP_ROUTE);
}

/** The response status, else undefined. */
export function statusCodeOf(span: Labelled): number | undefined {
  const status = span.attributes[HTTP_RESPONSE_STATUS_CODE] ?? span.attributes[OLD_HTTP_STATUS_CODE];
  return typeof status === "number" ? status : undefined;
}

/** The database a span talks to (`postgresql`), else undefined. */
export function databaseOf(span: Labelled): string | undefined {
  return textOf(span.attributes, DB_SYSTEM_NAME, OLD_DB_SYSTEM);
}

/** `INSERT` and `orders` of a database span, from its attributes, else from its query text or name. */
export function queryOf(span: Labelled): {
  readonly operation: string;
  readonly collection: string | undefined;
} {
  const text = textOf(span.attributes, DB_QUERY_TEXT, OLD_DB_STATEMENT) ?? "";
  const operation =
    textOf(span.attributes, DB_OPERATION_NAME, OLD_DB_OPERATION) ??
    /^\s*(\w+)/.exec(text)?.[1] ??
    /(?:^|[.:])(\w+)/.exec(span.name.replace(/^pg\.query:/, ""))?.[1] ??
    span.name;
  const collection =
    textOf(span.attributes, DB_COLLECTION_NAME) ??
    /\b(?:from|into|update|table|join)\s+["`]?([\p{L}\w.]["`\p{L}\w.]*)/iu
      .exec(text)?.[1]
      ?.replace(/["`]/g, "");
  return { operation: operation.toUpperCase(), collection };
}

/** What a person calls this span: `POST /api/orders`, `INSERT orders`, `click Buy`. */
export function spanLabel(span: Labelled): string {
  if (databaseOf(span) !== undefined && span.kind === "client") {
    const { operation, collection } = queryOf(span);
    return collection === undefined ? operation : `${operation} ${collection}`;
  }
  const method = methodOf(span);
  if (method === undefined || (span.kind !== "client" && span.kind !== "server")) return span.name;
  const place = span.kind === "server" ? (routeOf(span) ?? pathOf(span)) : pathOf(span);
  return place === undefined ? span.name : `${method} ${place}`;
}

function textOf(attributes: Attributes, ...keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = attributes[key];
    if (typeof value === "string" && value !== "") return value;
  }
  return undefined;
}

function pathOfUrl(text: string): string | undefined {
  try {
    return new URL(text).pathname;
  } catch {
    return undefined;
  }
}
