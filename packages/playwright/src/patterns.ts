import {
  type AttributeValue,
  databaseOf,
  methodOf,
  pathOf,
  queryOf,
  routeOf,
  type SpanRecord,
  serviceOf,
} from "@throughline/core";
import { INTERACTION_TARGET, INTERACTION_TYPE } from "@throughline/core/attributes";

/** One step of a path. */
export interface SpanPattern {
  /** How a failure message names it: `server POST /api/orders`. */
  readonly describe: string;
  matches(span: SpanRecord): boolean;
}

/** Text is compared whole, a RegExp anywhere in it. */
export type TextPattern = string | RegExp;

/** What else must be true of a span. */
export interface SpanConditions {
  /** `service.name` of the process. */
  readonly service?: string;
  /** Every listed attribute must be there and equal; a RegExp is tried on strings. */
  readonly attributes?: Readonly<Record<string, AttributeValue | RegExp>>;
}

/** Builders for {@link SpanPattern}; each takes {@link SpanConditions} as its last argument. */
export interface SpanBuilders {
  /** The click on an element with this label: `span.click("Buy")`. */
  click(label: TextPattern, conditions?: SpanConditions): SpanPattern;
  /** An outgoing HTTP request, in the browser or in a server. */
  client(method: string, path?: TextPattern | SpanConditions, conditions?: SpanConditions): SpanPattern;
  /** A request as its server saw it, by route (`/orders/[id]`) or by path. */
  server(
    method: string,
    routeOrPath?: TextPattern | SpanConditions,
    conditions?: SpanConditions,
  ): SpanPattern;
  /** A database query: `span.db("INSERT", "orders")`. */
  db(operation: string, collection?: string | SpanConditions, conditions?: SpanConditions): SpanPattern;
  /** A span by its name, for your own `withSpan`. */
  named(name: TextPattern, conditions?: SpanConditions): SpanPattern;
}

export const span: SpanBuilders = {
  click: (label, conditions) =>
    pattern(
      `click ${print(label)}`,
      (candidate) =>
        candidate.attributes[INTERACTION_TYPE] === "click" &&
        accepts(label, textOf(candidate.attributes[INTERACTION_TARGET])),
      conditions,
    ),
  client: (method, path, conditions) => {
    const [place, more] = lastArgument(path, conditions);
    assertPlace("client", method, place);
    return pattern(
      ["client", method, ...(place === undefined ? [] : [place])].map(plain).join(" "),
      (candidate) =>
        candidate.kind === "client" &&
        sameMethod(candidate, method) &&
        (place === undefined || accepts(place, pathOf(candidate))),
      more,
    );
  },
  server: (method, routeOrPath, conditions) => {
    const [place, more] = lastArgument(routeOrPath, conditions);
    assertPlace("server", method, place);
    return pattern(
      ["server", method, ...(place === undefined ? [] : [place])].map(plain).join(" "),
      (candidate) =>
        candidate.kind === "server" &&
        sameMethod(candidate, method) &&
        (place === undefined || accepts(place, routeOf(candidate)) || accepts(place, pathOf(candidate))),
      more,
    );
  },
  db: (operation, collection, conditions) => {
    const [table, more] = lastArgument(collection, conditions);
    return pattern(
      ["db", operation, ...(table === undefined ? [] : [table])].map(plain).join(" "),
      (candidate) => databaseOf(candidate) !== undefined && sameQuery(candidate, operation, table),
      more,
    );
  },
  named: (name, conditions) =>
    pattern(`span ${print(name)}`, (candidate) => accepts(name, candidate.name), conditions),
};

function pattern(
  describe: string,
  matches: (candidate: SpanRecord) => boolean,
  conditions: SpanConditions = {},
): SpanPattern {
  const { service, attributes = {} } = conditions;
  const wanted = Object.entries(attributes);
  const extra = [
    ...(service === undefined ? [] : [`service ${service}`]),
    ...wanted.map(([key, value]) => `${key}=${value instanceof RegExp ? value : JSON.stringify(value)}`),
  ];
  return {
    describe: extra.length === 0 ? describe : `${describe} {${extra.join(", ")}}`,
    matches: (candidate) =>
      matches(candidate) &&
      (service === undefined || serviceOf(candidate) === service) &&
      wanted.every(([key, value]) => sameValue(candidate.attributes[key], value)),
  };
}

// `span.client("GET", { service })` and `span.client("GET", "/stock", { service })` are both read naturally.
function lastArgument<P extends TextPattern>(
  second: P | SpanConditions | undefined,
  third: SpanConditions | undefined,
): readonly [P | undefined, SpanConditions | undefined] {
  if (second === undefined || typeof second === "string" || second instanceof RegExp) return [second, third];
  return [undefined, second];
}

// It could match nothing, and the failure would come seconds later and elsewhere.
function assertPlace(builder: "client" | "server", method: string, place: TextPattern | undefined): void {
  if (typeof place !== "string" || !(HAS_ORIGIN.test(place) || HAS_QUERY[builder].test(place))) return;
  throw new TypeError(
    `@throughline/playwright: span.${builder}(${print(method)}, ${print(place)}) matches no span, because a span is compared by its path, without origin and query; ${correct(builder, method, place)}`,
  );
}

function correct(builder: string, method: string, place: string): string {
  const path = HAS_SCHEME.test(place) && URL.canParse(place) ? new URL(place).pathname : place.split("?")[0];
  return path?.startsWith("/")
    ? `write span.${builder}(${print(method)}, ${print(path)})`
    : 'begin the path with "/"';
}

const HAS_SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;
const HAS_ORIGIN = /^[a-z][a-z\d+.-]*:/i;
// A server is also known by its route, and /orders/:id? is one: its last parameter may be absent.
const HAS_QUERY = { client: /\?/, server: /\?[^/]*=/ };

function accepts(wanted: TextPattern, text: string | undefined): boolean {
  if (text === undefined) return false;
  return typeof wanted === "string" ? text === wanted : text.search(wanted) !== -1;
}

function sameMethod(candidate: SpanRecord, method: string): boolean {
  return methodOf(candidate)?.toUpperCase() === method.toUpperCase();
}

function sameQuery(candidate: SpanRecord, operation: string, table: string | undefined): boolean {
  const query = queryOf(candidate);
  if (query.operation !== operation.toUpperCase()) return false;
  if (table === undefined) return true;
  // "orders" also means public.orders; names are folded as SQL folds them.
  const collection = query.collection?.toLowerCase();
  const wanted = table.toLowerCase();
  return collection === wanted || (!wanted.includes(".") && collection?.endsWith(`.${wanted}`) === true);
}

function sameValue(actual: AttributeValue | undefined, wanted: AttributeValue | RegExp): boolean {
  if (actual === undefined) return false;
  if (wanted instanceof RegExp) return accepts(wanted, textOf(actual));
  return actual === wanted || JSON.stringify(actual) === JSON.stringify(wanted);
}

function textOf(value: AttributeValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function print(text: TextPattern): string {
  return typeof text === "string" ? JSON.stringify(text) : String(text);
}

function plain(text: TextPattern): string {
  return String(text);
}
