import { hostFiles } from "./host-files.ts";

/** Name and version of the app in `folder`, from its package.json; empty where there is none. */
export function appPackage(folder: string): {
  readonly name: string;
  readonly version: string;
} {
  try {
    const parsed: unknown = JSON.parse(hostFiles().readFileSync(`${folder}/package.json`, "utf8"));
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
