import type { Attributes, AttributeValue } from "@throughline/core";
import { DB_QUERY_TEXT, OLD_DB_STATEMENT } from "./attribute-names.ts";

export interface AttributeGroup {
  readonly title: string;
  readonly entries: readonly (readonly [key: string, value: AttributeValue])[];
}

const GROUPS: readonly (readonly [title: string, prefixes: readonly string[]])[] = [
  ["HTTP", ["http.", "url.", "user_agent."]],
  ["Database", ["db."]],
  ["Network", ["server.", "client.", "network.", "net."]],
  ["Error", ["error.", "exception."]],
  ["Next.js", ["next."]],
  ["Throughline", ["throughline.", "test."]],
];

/** Attributes by subject, in a fixed order, names sorted; the query text is left to its own view. */
export function groupAttributes(attributes: Attributes): readonly AttributeGroup[] {
  const groups = new Map<string, [string, AttributeValue][]>();
  for (const key of Object.keys(attributes).sort()) {
    const value = attributes[key];
    if (value === undefined || key === DB_QUERY_TEXT || key === OLD_DB_STATEMENT) continue;
    const title = titleOf(key);
    const entries = groups.get(title) ?? [];
    entries.push([key, value]);
    groups.set(title, entries);
  }
  return [...GROUPS.map(([title]) => title), "Attributes"].flatMap((title) => {
    const entries = groups.get(title);
    return entries ? [{ title, entries }] : [];
  });
}

/** The SQL or other query of a database span. */
export function queryTextOf(attributes: Attributes): string | undefined {
  return textOf(attributes, DB_QUERY_TEXT) ?? textOf(attributes, OLD_DB_STATEMENT);
}

export function textOf(attributes: Attributes, key: string): string | undefined {
  const value = attributes[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The value as a reader would type it: text bare, lists and maps as JSON, long ones over several lines. */
export function printValue(value: AttributeValue): string {
  if (typeof value === "string") return value;
  const line = JSON.stringify(value);
  return line.length <= 60 ? line : JSON.stringify(value, null, 2);
}

function titleOf(key: string): string {
  const group = GROUPS.find(([, prefixes]) => prefixes.some((prefix) => key.startsWith(prefix)));
  return group?.[0] ?? "Attributes";
}
