import type { IncomingMessage } from "node:http";
import { CODE_FILE_PATH, CODE_FUNCTION_NAME } from "@throughline/core/attributes";

export interface ServerActionsOptions {
  /** The request that is being served. */
  readonly request: () => IncomingMessage | undefined;
  readonly openSpan: <T>(name: string, attributes: Readonly<Record<string, string>>, fn: () => T) => T;
}

/** What Next.js keeps in its manifest about a server action. */
interface ActionEntry {
  readonly filename?: string;
  readonly exportedName?: string;
}

/** Next.js's own record of the build, of which the encryption key is never touched. */
interface Manifests {
  readonly serverActionsManifest?: { readonly node?: Readonly<Record<string, ActionEntry>> };
  serverModuleMap?: object;
}

type Globals = Record<symbol, unknown>;
interface Store {
  readonly phase?: unknown;
  readonly isAction?: unknown;
  readonly isAppRoute?: unknown;
}

/** An AsyncLocalStorage of Next.js. */
interface Storage {
  run(store: Store | undefined, fn: (...args: unknown[]) => unknown, ...args: unknown[]): unknown;
  getStore(): Store | undefined;
}

const globals = globalThis as unknown as Globals;
const MANIFESTS = Symbol.for("next.server.manifests");
const WORK_UNIT = "@next/work-unit-async-storage@";
const INLINE = "$$RSC_SERVER_ACTION_";

/**
 * A span around each server action, named after the exported function. Next.js runs an action inside an
 * AsyncLocalStorage that all its bundles find through a global; the span goes around that one call, so that no module
 * of the app is wrapped and no body is read. Returns the undoing; does nothing where Next.js has changed that.
 */
export function traceServerActions({ request, openSpan }: ServerActionsOptions): () => void {
  const storages = findStorages();
  if (!storages) return () => undefined;
  const { workUnits, actions } = storages;
  const isAction = (): boolean => {
    const store = actions()?.getStore();
    return store?.isAction === true && store.isAppRoute !== true;
  };
  const posted = new WeakMap<object, string>();
  const stopWatching = watchModuleMap((id) => {
    const current = request();
    if (current && isAction()) posted.set(current, id);
  });
  const started = new WeakSet<object>();
  const original = workUnits.run;
  const run: Storage["run"] = (store, fn, ...args) => {
    // A page is rendered in several such runs, none of which is an action.
    if (store?.phase !== "action" || started.has(store) || !isAction())
      return Reflect.apply(original, workUnits, [store, fn, ...args]);
    started.add(store);
    const { name, attributes } = describe(request(), posted);
    return openSpan(name, attributes, () => Reflect.apply(original, workUnits, [store, fn, ...args]));
  };
  workUnits.run = run;
  return () => {
    stopWatching();
    if (workUnits.run === run) Reflect.deleteProperty(workUnits, "run");
  };
}

function findStorages():
  | { readonly workUnits: Storage; readonly actions: () => Storage | undefined }
  | undefined {
  const key = Object.getOwnPropertySymbols(globals).find((symbol) =>
    symbol.description?.startsWith(WORK_UNIT),
  );
  const workUnits = key && (globals[key] as Storage);
  if (!key?.description || typeof workUnits?.run !== "function") return undefined;
  const version = key.description.slice(WORK_UNIT.length);
  // Made when the first page is loaded, long after this.
  const actionKey = Symbol.for(`@next/action-async-storage@${version}`);
  return { workUnits, actions: () => globals[actionKey] as Storage | undefined };
}

interface Description {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

function describe(request: IncomingMessage | undefined, posted: WeakMap<object, string>): Description {
  const sent = request?.headers["next-action"];
  const id = typeof sent === "string" ? sent : request && posted.get(request);
  const { exportedName, filename } = entryOf(id) ?? {};
  const isNamed = exportedName !== undefined && !exportedName.startsWith(INLINE);
  return {
    name: isNamed ? exportedName : "server action",
    attributes: {
      ...(isNamed && { [CODE_FUNCTION_NAME]: exportedName }),
      ...(filename !== undefined && { [CODE_FILE_PATH]: filename }),
    },
  };
}

function entryOf(id: string | undefined): ActionEntry | undefined {
  const manifests = globals[MANIFESTS] as Manifests | undefined;
  const actions = manifests?.serverActionsManifest?.node;
  return actions && id !== undefined && Object.hasOwn(actions, id) ? actions[id] : undefined;
}

/**
 * Tells which server functions Next.js looks up. A form that is posted without JavaScript names its action in its body
 * only; the last function that is looked up before an action runs is that action.
 */
function watchModuleMap(seen: (id: string) => void): () => void {
  let restore = (): void => undefined;
  const watch = (manifests: Manifests): void => {
    const original = manifests.serverModuleMap;
    if (!original) return;
    const watched = new Proxy(original, {
      get(target, id) {
        if (typeof id === "string") seen(id);
        return Reflect.get(target, id);
      },
    });
    manifests.serverModuleMap = watched;
    restore = () => {
      if (manifests.serverModuleMap === watched) manifests.serverModuleMap = original;
    };
  };
  const present = globals[MANIFESTS];
  if (present) {
    watch(present as Manifests);
    return () => restore();
  }
  // Set by Next.js with the first page that is served, and a plain property from then on.
  Object.defineProperty(globals, MANIFESTS, {
    configurable: true,
    enumerable: false,
    get: () => undefined,
    set(manifests: Manifests) {
      Object.defineProperty(globals, MANIFESTS, {
        value: manifests,
        configurable: true,
        enumerable: true,
        writable: true,
      });
      watch(manifests);
    },
  });
  restore = () => void Reflect.deleteProperty(globals, MANIFESTS);
  return () => restore();
}
