import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { traceServerActions } from "./server-actions.ts";

interface Store {
  readonly phase?: string;
  readonly isAction?: boolean;
  readonly isAppRoute?: boolean;
}

// As Next.js keeps them, under a version that no test machine has.
const WORK_UNIT = Symbol.for("@next/work-unit-async-storage@0.0.0");
const ACTION = Symbol.for("@next/action-async-storage@0.0.0");
const MANIFESTS = Symbol.for("next.server.manifests");
const globals = globalThis as unknown as Record<symbol, unknown>;

const manifests = () => ({
  serverActionsManifest: {
    get encryptionKey(): string {
      throw new Error("the key was read");
    },
    node: {
      "40aa": { filename: "app/actions.js", exportedName: "reserveStock" },
      "40bb": { filename: "app/page.jsx", exportedName: "$$RSC_SERVER_ACTION_0" },
    },
  },
  serverModuleMap: new Proxy({}, { get: (_, id) => (id === "40cc" ? undefined : { id }) }) as Record<
    string,
    unknown
  >,
});

let workUnits: AsyncLocalStorage<Store>;
let actions: AsyncLocalStorage<Store>;
let request: IncomingMessage | undefined;
let spans: unknown[];
let stop: () => void;

function begin(): void {
  stop = traceServerActions({
    request: () => request,
    openSpan: (name, attributes, fn) => {
      spans.push([name, attributes]);
      return fn();
    },
  });
}

beforeEach(() => {
  workUnits = new AsyncLocalStorage();
  actions = new AsyncLocalStorage();
  globals[WORK_UNIT] = workUnits;
  globals[ACTION] = actions;
  request = posting({});
  spans = [];
});

afterEach(() => {
  stop();
  for (const key of [WORK_UNIT, ACTION, MANIFESTS]) Reflect.deleteProperty(globals, key);
});

function posting(headers: Record<string, string>): IncomingMessage {
  return { headers } as unknown as IncomingMessage;
}

/** Runs `fn` as Next.js runs a server action. */
function act<T>(fn: () => T, store: Store = { phase: "action" }, action: Store = { isAction: true }): T {
  return actions.run(action, () => workUnits.run(store, fn));
}

const RESERVE = [
  "reserveStock",
  { "code.function.name": "reserveStock", "code.file.path": "app/actions.js" },
];

test("an action is named by the header that the router sends, and runs where Next.js put it", () => {
  begin();
  globals[MANIFESTS] = manifests();
  request = posting({ "next-action": "40aa" });
  const store = { phase: "action" };
  expect(act(() => workUnits.getStore(), store)).toBe(store);
  expect(spans).toEqual([RESERVE]);
});

test("an action of a form is named by the function that Next.js looked up last", () => {
  begin();
  globals[MANIFESTS] = manifests();
  const { serverModuleMap } = globals[MANIFESTS] as ReturnType<typeof manifests>;
  actions.run({ isAction: true }, () => {
    expect([serverModuleMap["40bb"], serverModuleMap["40aa"]]).toEqual([{ id: "40bb" }, { id: "40aa" }]);
    workUnits.run({ phase: "action" }, () => undefined);
  });
  expect(spans).toEqual([RESERVE]);
});

test("the manifest that was there before is watched too, and what is set later is a plain property", () => {
  globals[MANIFESTS] = manifests();
  begin();
  const { serverModuleMap } = globals[MANIFESTS] as ReturnType<typeof manifests>;
  actions.run({ isAction: true }, () => {
    void serverModuleMap["40aa"];
    workUnits.run({ phase: "action" }, () => undefined);
  });
  expect(spans).toEqual([RESERVE]);
  stop();
  Reflect.deleteProperty(globals, MANIFESTS);
  begin();
  const later = manifests();
  globals[MANIFESTS] = later;
  const property = Object.getOwnPropertyDescriptor(globals, MANIFESTS);
  expect(property?.value === later && property.writable).toBe(true);
});

test("an action without a name of its own, or of another build, is a server action", () => {
  begin();
  globals[MANIFESTS] = manifests();
  for (const id of ["40bb", "40dd", "toString"]) {
    request = posting({ "next-action": id });
    act(() => undefined);
  }
  expect(spans).toEqual([
    ["server action", { "code.file.path": "app/page.jsx" }],
    ["server action", {}],
    ["server action", {}],
  ]);
});

test("renders, route handlers and a second run of the same request make no span", () => {
  begin();
  act(() => undefined, { phase: "render" });
  act(() => undefined, { phase: "action" }, { isAction: true, isAppRoute: true });
  act(() => undefined, { phase: "action" }, { isAction: false });
  workUnits.run({ phase: "action" }, () => undefined);
  expect(spans).toEqual([]);
  const store = { phase: "action" };
  act(() => workUnits.run(store, () => undefined), store);
  expect(spans).toHaveLength(1);
});

test("stop leaves the globals as they were", () => {
  const before = manifests();
  const { serverModuleMap } = before;
  globals[MANIFESTS] = before;
  begin();
  expect(Object.hasOwn(workUnits, "run")).toBe(true);
  stop();
  expect(Object.hasOwn(workUnits, "run")).toBe(false);
  expect(before.serverModuleMap).toBe(serverModuleMap);
  Reflect.deleteProperty(globals, MANIFESTS);
  begin();
  stop();
  expect(MANIFESTS in globals).toBe(false);
});

test("without Next.js nothing is touched", () => {
  Reflect.deleteProperty(globals, WORK_UNIT);
  begin();
  expect(MANIFESTS in globals).toBe(false);
  expect(act(() => 7)).toBe(7);
  expect(spans).toEqual([]);
});
