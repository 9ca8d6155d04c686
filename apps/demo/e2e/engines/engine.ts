import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** One window of a browser, driven by its own protocol: real input, nothing put into the page. */
export interface Tab {
  /** `153.7.0` */
  readonly version: string;
  /** Resolves once the document has loaded. */
  goto(url: string): Promise<void>;
  back(): Promise<void>;
  /** Runs the body of a function in the page. */
  evaluate<T>(body: string): Promise<T>;
  /** Clicks the button with exactly this text, as a person does. */
  click(text: string): Promise<void>;
  /** Opens another window, goes there and closes the first, as a person closes a tab. */
  closeFirst(url: string): Promise<void>;
  quit(): Promise<void>;
}

export interface Engine {
  readonly name: "chromium" | "firefox" | "webkit";
  /** What has to be installed; undefined where it is. */
  readonly missing: () => string | undefined;
  readonly open: () => Promise<Tab>;
}

/** The first of these programs that is on the PATH, or where it says. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return names
    .flatMap((name) => (name.startsWith("/") ? [name] : folders.map((folder) => join(folder, name))))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
