/** The route of a URL, without the values of its parameters: `/products/[id]`; `undefined` leaves it to us. */
export type RouteName = (url: URL) => string | undefined;

/** A segment of an App Router route: `products`, or a parameter as name, value and kind (`d`, `c`, `oc`). */
type Segment = string | readonly [name: string, value: string, kind: string];
interface RouteTree {
  readonly 0: Segment;
  readonly 1: Readonly<Record<string, RouteTree>>;
}

/** What Next.js leaves in the page. The App Router keeps its tree in each history entry, to render it on a return. */
interface NextPage {
  readonly next?: { readonly router?: { readonly events?: unknown; readonly pathname?: string } };
  readonly __NEXT_DATA__?: { readonly page?: string };
}
interface HistoryState {
  readonly __PRIVATE_NEXTJS_INTERNALS_TREE?: RouteTree | { readonly tree: RouteTree };
}

const MAX_SEGMENTS = 6;
const MAX_SEGMENT = 24;

/** The route of the page as it is now, exact where Next.js says it, else guessed from its URL. */
export function routeOfPage(): string {
  return routeOfNext() ?? guessRoute(location.pathname);
}

/** Whether Next.js has said the route of this page, or never will. */
export function isRouteKnown(): boolean {
  return !(globalThis as NextPage).next || routeOfNext() !== undefined;
}

function routeOfNext(): string | undefined {
  try {
    const { next, __NEXT_DATA__ } = globalThis as NextPage;
    const pages = next?.router?.events ? next.router.pathname : __NEXT_DATA__?.page;
    if (pages) return pages;
    const stored = (history.state as HistoryState | null)?.__PRIVATE_NEXTJS_INTERNALS_TREE;
    return stored && routeOfTree("tree" in stored ? stored.tree : stored);
  } catch {
    // Another version of Next.js keeps something else there.
    return undefined;
  }
}

/** Groups and slots are no part of a URL: https://nextjs.org/docs/app/api-reference/file-conventions/route-groups */
function routeOfTree(tree: RouteTree): string | undefined {
  const names: string[] = [];
  const values: string[] = [];
  for (let node: RouteTree | undefined = tree; node; node = childOf(node)) {
    const segment = node[0];
    const name = nameOf(segment);
    if (!name || /^\(\w[^)]*\)$|^__/.test(name)) continue;
    names.push(name);
    values.push(typeof segment === "string" ? name : segment[1]);
  }
  // An intercepting route shows a slot under its URL, and leaves the page below as it was.
  const intercepts = /\(\.+\)/.test(JSON.stringify(tree));
  return intercepts && !location.pathname.endsWith(`/${values.join("/")}`)
    ? undefined
    : `/${names.join("/")}`;
}

function childOf(tree: RouteTree): RouteTree | undefined {
  const slots = tree[1];
  return slots.children ?? Object.values(slots)[0];
}

function nameOf(segment: Segment): string {
  if (typeof segment === "string") return segment.replace(/^\//, "");
  const [name, , kind] = segment;
  if (kind.startsWith("oc")) return `[[...${name}]]`;
  return kind.startsWith("c") ? `[...${name}]` : `[${name}]`;
}

/**
 * A path with `*` for each segment that looks like a value (a digit, `@`, `%`, or more than 24 characters), so that
 * names stay few. What looks like a word is taken for one.
 */
export function guessRoute(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  const kept = segments.slice(0, MAX_SEGMENTS).map((segment) => (looksLikeValue(segment) ? "*" : segment));
  return `/${[...kept, ...(segments.length > MAX_SEGMENTS ? ["*"] : [])].join("/")}`;
}

function looksLikeValue(segment: string): boolean {
  return segment.length > MAX_SEGMENT || /[\d@%]/.test(segment);
}
