import nodeModule from "node:module";
import { join } from "node:path";

/**
 * `node:fs` for files whose paths are known at run time only. Turbopack follows each `readFileSync` it can see, and
 * ships the whole project with the server where it cannot tell the path.
 */
export function hostFiles(): typeof import("node:fs") {
  return hostRequire()("node:fs");
}

/** `require` as the app's own files would call it. Spelled out, webpack takes `createRequire` for its own and leaves nothing. */
export function hostRequire(): NodeJS.Require {
  const createRequire: typeof nodeModule.createRequire = Reflect.get(nodeModule, "createRequire");
  return createRequire(join(process.cwd(), "throughline.cjs"));
}
