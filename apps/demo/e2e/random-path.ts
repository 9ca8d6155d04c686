import { expect } from "@playwright/test";

/** With which random addresses are asked for. */
export const METHODS = ["GET", "HEAD"];
/** `GET`, `HEAD`, … where no route is known. */
const SPARE = 5;

/** Each SERVER span is named by its method, or by that and one of these routes; and there are no more names than those. */
export function expectRouteNames(names: ReadonlySet<string>, routes: readonly string[]): void {
  const most = routes.length * METHODS.length + SPARE;
  expect.soft(names.size, [...names].join("\n")).toBeLessThanOrEqual(most);
  const unknown = [...names].filter((name) => {
    const [method = "", route] = name.split(" ", 2);
    return !METHODS.includes(method) || (route !== undefined && !routes.includes(route));
  });
  expect.soft(unknown, "names that are no route's").toEqual([]);
}

/** What runs below the SERVER spans is named by one of these routes (`render route (app) /items/[id]`), or by no address. */
export function expectNamesBelow(names: ReadonlySet<string>, routes: readonly string[]): void {
  const paths = [...names].map((name) => /\/.*/.exec(name)?.[0]);
  const unknown = paths.filter((path) => path !== undefined && !routes.includes(path));
  expect.soft(unknown, "paths in names that are no route").toEqual([]);
  const others = [...names].filter((name) => !name.includes("/"));
  expect.soft(others.length, others.join("\n")).toBeLessThan(routes.length);
}

/** A path of this route, with random words for its parameters. */
export function pathOf(route: string, random: () => number): string {
  return (
    route
      .split("/")
      .flatMap((segment) => fill(segment, random))
      .join("/") || "/"
  );
}

function fill(segment: string, random: () => number): readonly string[] {
  if (!segment.startsWith("[")) return [segment];
  const least = segment.startsWith("[[") ? 0 : 1;
  const most = segment.includes("...") ? 4 : 1;
  const count = least + Math.floor(random() * (most - least + 1));
  return Array.from({ length: count }, () => randomWord(random));
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~.";
const ENCODED = ["%C3%A9", "%20", "%E2%82%AC", "%2F", "%40"];

export function randomWord(random: () => number): string {
  const length = 1 + Math.floor(random() * (random() < 0.05 ? 200 : 12));
  // Not one that begins with a dot: `.` and `..` are taken out of an address before it is sent.
  const word = Array.from({ length }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join("");
  return `w${word}${random() < 0.2 ? (ENCODED[Math.floor(random() * ENCODED.length)] ?? "") : ""}`;
}
