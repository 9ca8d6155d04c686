import nodeModule from "node:module";
import { dirname, join, sep } from "node:path";
import { hostFiles } from "../host-files.ts";

interface PlugAndPlay {
  resolveToUnqualified(name: string, issuer: string, options: { considerBuiltins: boolean }): string | null;
}

/** Where code in `folder` finds a package, links followed, as Node looks. */
export function folderOf(name: string, folder: string): string | undefined {
  return byPlugAndPlay(name, folder) ?? lookUp(name, folder);
}

/** With Yarn's Plug'n'Play there are no folders to look into: https://yarnpkg.com/advanced/pnpapi */
function byPlugAndPlay(name: string, folder: string): string | undefined {
  const find: unknown = Reflect.get(nodeModule, "findPnpApi");
  if (typeof find !== "function") return undefined;
  try {
    const api: PlugAndPlay | null = find(`${folder}${sep}`);
    return api?.resolveToUnqualified(name, `${folder}${sep}`, { considerBuiltins: false }) ?? undefined;
  } catch {
    // It throws where the app does not name the package.
    return undefined;
  }
}

function lookUp(name: string, folder: string): string | undefined {
  // Not require.resolve: a package whose `exports` hide its package.json would count as missing.
  const files = hostFiles();
  const candidate = join(folder, "node_modules", name);
  if (files.existsSync(join(candidate, "package.json"))) return files.realpathSync(candidate);
  const parent = dirname(folder);
  return parent === folder ? undefined : lookUp(name, parent);
}

/** Whether `name` can be loaded by code in `folder`: its own folder lies in a node_modules there or above. */
export function isInstalled(name: string, folder: string): boolean {
  return folderOf(name, folder) !== undefined;
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
