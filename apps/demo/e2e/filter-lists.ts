// What ad blockers go by, as Debian ships it with uBlock Origin. `.ci/run` unpacks it and names the folder.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FiltersEngine, Request } from "@ghostery/adblocker";

const LISTS = ["easylist.txt", "easyprivacy.txt"];

/** Where a page with these rules is thought to be: some rules spare a local one. */
const PUBLIC_ORIGIN = "https://www.shop.example";

export interface FilterLists {
  /** The rule that blocks a request of a page at `pageOrigin`, if one does. */
  readonly ruleAgainst: (request: {
    readonly url: string;
    /** As Playwright names them: "fetch", "script". */
    readonly type: string;
    readonly pageOrigin: string;
  }) => string | undefined;
}

/** Undefined where `FILTER_LISTS` names no folder; throws when the folder lacks a list. */
export function readFilterLists(): FilterLists | undefined {
  const folder = process.env.FILTER_LISTS;
  if (!folder) return undefined;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const texts = LISTS.map((name) => {
    const file = files.find((path) => path.endsWith(name));
    if (!file)
      throw new Error(`FILTER_LISTS: no ${name} in ${folder}; unpack webext-ublock-origin-chromium there`);
    return readFileSync(join(folder, file), "utf8");
  });
  const engine = FiltersEngine.parse(texts.join("\n"), { debug: true });
  return {
    ruleAgainst({ url, type, pageOrigin }) {
      const asPublic = url.startsWith(pageOrigin) ? PUBLIC_ORIGIN + url.slice(pageOrigin.length) : url;
      const { match, filter } = engine.match(
        Request.fromRawDetails({ url: asPublic, sourceUrl: `${PUBLIC_ORIGIN}/`, type: type as "fetch" }),
      );
      return match ? String(filter) : undefined;
    },
  };
}
