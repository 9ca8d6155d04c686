import { afterEach, expect, test } from "vitest";
import { seeded } from "../../../../scripts/seeded.mjs";
import { guessRoute, routeOfPage } from "./route-name.ts";

const { pathname } = location;

afterEach(() => {
  history.replaceState(null, "", pathname);
  Reflect.deleteProperty(window, "next");
  Reflect.deleteProperty(window, "__NEXT_DATA__");
});

const PAGE = ["__PAGE__", {}];

/** The page as the App Router leaves it at `path`. */
function showTree(tree: unknown, path = "/somewhere"): void {
  history.replaceState({ __PRIVATE_NEXTJS_INTERNALS_TREE: { tree, renderedSearch: "" } }, "", path);
}

function below(...segments: readonly unknown[]): unknown {
  return segments.reduceRight((child, segment) => [segment, { children: child }], PAGE);
}

test.each([
  [[""], "/"],
  [["", "orders"], "/orders"],
  [["", "item", ["id", "7", "d"]], "/item/[id]"],
  [["", "(shop)", "item", ["id", "7", "d"], "(tabs)", "reviews"], "/item/[id]/reviews"],
  [["", "docs", ["slug", "a/b/c", "c"]], "/docs/[...slug]"],
  [["", "docs", ["slug", "", "oc"]], "/docs/[[...slug]]"],
  [["", "/_not-found"], "/_not-found"],
])("the App Router's %j is %s", (segments, route) => {
  showTree(below(...segments));
  expect(routeOfPage()).toBe(route);
});

test("the tree without its envelope, as earlier versions of Next.js keep it, is read too", () => {
  history.replaceState({ __PRIVATE_NEXTJS_INTERNALS_TREE: below("", ["id", "7", "d"]) }, "", "/7");
  expect(routeOfPage()).toBe("/[id]");
});

test("slots beside the page change nothing, and a page that is all slots has the first one's route", () => {
  showTree(["", { children: below("feed"), modal: ["__DEFAULT__", {}] }]);
  expect(routeOfPage()).toBe("/feed");
  showTree(["", { left: below("feed") }]);
  expect(routeOfPage()).toBe("/feed");
});

test("under an intercepting route the page below does not lend its name", () => {
  const tree = ["", { children: below("feed"), modal: below("(__SLOT__)", "(.)photo", ["id", "7", "d"]) }];
  showTree(tree, "/photo/7");
  expect(routeOfPage()).toBe("/photo/*");
  showTree(tree, "/feed");
  expect(routeOfPage()).toBe("/feed");
  showTree(["", { children: below(), modal: below("(__SLOT__)", "(.)photo", ["id", "7", "d"]) }], "/photo/7");
  expect(routeOfPage()).toBe("/photo/*");
});

const MANY_ROUTES = `
  / /cart /about /help/contact /account/orders /blog /search /news/archive /[id] /item/[id]
  /item/[id]/reviews /item/[id]/reviews/[review] /u/[name]/edit /[a]/[b]/c /docs/[...slug]
  /files/[...path] /[lang]/docs/[...slug] /u/[name]/files/[...path] /raw/[...all] /filter/[[...by]]
  /shop/[[...filters]] /[lang]/[[...rest]] /help/[[...topic]] /map/[[...at]] /tag/[tag]
  /tag/[tag]/feed /order/[order]/track /order/[order] /team/[team]/[member] /s/[key] /_not-found
  /_error
`
  .trim()
  .split(/\s+/);

test("5,000 random addresses of 32 routes have 32 names", () => {
  let tree: unknown;
  // Browsers slow down a page that replaces its state thousands of times.
  Object.defineProperty(history, "state", {
    configurable: true,
    get: () => ({ __PRIVATE_NEXTJS_INTERNALS_TREE: { tree } }),
  });
  const random = seeded(7);
  const names = Array.from({ length: 5_000 }, (_, index) => {
    const word = random()
      .toString(36)
      .slice(2, 3 + random() * 8);
    const route = MANY_ROUTES[index % MANY_ROUTES.length] ?? "";
    tree = below(
      "",
      ...route
        .split("/")
        .filter(Boolean)
        .map((segment) => filled(segment, word)),
    );
    return routeOfPage();
  });
  Reflect.deleteProperty(history, "state");
  expect([...new Set(names)].sort()).toEqual([...MANY_ROUTES].sort());
});

function filled(segment: string, value: string): unknown {
  const [, brackets = "", dots, name] = /^(\[+)(\.\.\.)?(\w+)/.exec(segment) ?? [];
  if (name === undefined) return segment;
  return [name, value, dots ? `${brackets.length === 2 ? "o" : ""}c` : "d"];
}

test("what is no tree is left alone", () => {
  for (const tree of [7, [], "x", [null, null], ["", { children: 7 }]]) {
    showTree(tree, "/orders/8");
    expect(["/", "/orders/*"]).toContain(routeOfPage());
  }
});

test("the Pages Router says the file of the page, before and after it runs", () => {
  Object.assign(window, { __NEXT_DATA__: { page: "/item/[id]" } });
  expect(routeOfPage()).toBe("/item/[id]");
  Object.assign(window, { next: { router: { events: {}, pathname: "/other" } } });
  expect(routeOfPage()).toBe("/other");
});

test.each([
  ["/", "/"],
  ["/orders/", "/orders"],
  ["/orders/7", "/orders/*"],
  ["/u/5f0c9f3e-7d2a-4a63-9a53-1d2f5d8a1c11/edit", "/u/*/edit"],
  ["/login/jane@shop.test", "/login/*"],
  ["/tag/caf%C3%A9", "/tag/*"],
  ["/blog/how-to-brew", "/blog/how-to-brew"],
  ["/reset/abcdefghijklmnopqrstuvwxyz", "/reset/*"],
  ["/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/*"],
])("%s is guessed to be %s", (path, route) => {
  expect(guessRoute(path)).toBe(route);
});

test("5000 random URLs of 30 routes have no more names than there are routes", () => {
  const random = (): string => Math.random().toString(36).slice(2) + crypto.randomUUID();
  const names = new Set(
    Array.from({ length: 5000 }, (_, index) => {
      const word = String.fromCharCode(97 + (index % 10)).repeat(3);
      return guessRoute([`/${word}/${index}`, `/${word}/x/${random()}`, `/${word}`][index % 3] ?? "/");
    }),
  );
  expect(names.size).toBeLessThanOrEqual(30);
});
