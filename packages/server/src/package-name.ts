import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Name and version of the app, from the package.json of the folder it runs in; empty where there is none. */
export function appPackage(folder: string = process.cwd()): {
  readonly name: string;
  readonly version: string;
} {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return { name: textAt(parsed, "name"), version: textAt(parsed, "version") };
  } catch {
    return { name: "", version: "" };
  }
}

function textAt(value: unknown, key: "name" | "version"): string {
  if (typeof value !== "object" || value === null) return "";
  const found: unknown = Reflect.get(value, key);
  return typeof found === "string" ? found : "";
}
