// The `tracestate` header: https://www.w3.org/TR/trace-context/#tracestate-header

const KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MOST_MEMBERS = 32;
/** What has to be handed on at least. More would be a caller's way to grow every request behind this one. */
const MOST_CHARACTERS = 512;
/** Members that are left out first where there are too many characters. */
const LONG = 128;

/**
 * A `tracestate` that may be handed on, its members in their order; empty where one of them is invalid or there are
 * too many, because a list that is half understood says something else.
 */
export function parseTraceState(text: string): string {
  const members = text
    .split(",")
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  if (members.length > MOST_MEMBERS || !members.every(isMember)) return "";
  return fit(members).join(",");
}

function isMember(member: string): boolean {
  const equals = member.indexOf("=");
  return equals > 0 && KEY.test(member.slice(0, equals)) && VALUE.test(member.slice(equals + 1));
}

function fit(members: readonly string[]): readonly string[] {
  if (lengthOf(members) <= MOST_CHARACTERS) return members;
  const kept = members.filter(({ length }) => length <= LONG);
  while (lengthOf(kept) > MOST_CHARACTERS) kept.pop();
  return kept;
}

function lengthOf(members: readonly string[]): number {
  return members.reduce((sum, { length }) => sum + length + 1, -1);
}
