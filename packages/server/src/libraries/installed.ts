import { dirname, join } from "node:path";
import { hostFiles } from "../host-files.ts";

/** Whether `name` can be loaded by code in `folder`: its own folder lies in a node_modules there or above. */
export function isInstalled(name: string, folder: string): boolean {
  // Not require.resolve: a package whose `exports` hide its package.json would count as missing.
  const found = hostFiles().existsSync(join(folder, "node_modules", name, "package.json"));
  const parent = dirname(folder);
  return found || (parent !== folder && isInstalled(name, parent));
}

/** Whether the app in `folder` names the package itself; what only a library needs is loaded by that library. */
export function isOwnDependency(name: string, folder: string): boolean {
  try {
    const app: unknown = JSON.parse(hostFiles().readFileSync(join(folder, "package.json"), "utf8"));
    const { dependencies, devDependencies, optionalDependencies } = app as Readonly<Record<string, object>>;
    return [dependencies, devDependencies, optionalDependencies].some((list) => list && name in list);
  } catch {
    return false;
  }
}
