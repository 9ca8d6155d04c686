// Prints the settings out of their tables: docs/server/settings.md says where,
//   <!-- settings -->
//   …the table…
//   <!-- /settings -->
import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { foldComment, printColumns } from "./attribute-tables.mjs";

const PAGE = "docs/server/settings.md";
const BLOCK = /(<!-- settings -->)[\s\S]*?(<!-- \/settings -->)/;
const PROPERTY = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}readonly (\w+):/g;
const TABLE = "packages/server/src/settings-table.ts";
const INTERFACES = ["packages/core/src/config.ts", TABLE];

const ANY_TEXT = "any text";
/** Of a bad value, by the row's `whenBad`. */
const COSTS = {
  none: "stops tracing",
  unset: "is unset",
  "no logs": "stops logs",
  "no metrics": "stops metrics",
};

/** The page with the table of settings: `file`, its `text` as it is, and as it is to be (`printed`). */
export async function printSettings() {
  const serverSettings = await readTable();
  const text = readFileSync(PAGE, "utf8");
  const meanings = readMeanings();
  const rows = Object.entries(serverSettings).map(([name, { env = [], fallback, parse, whenBad }]) => {
    const meaning = meanings.get(name);
    if (!meaning) throw new Error(`${name} has no comment in ${INTERFACES.join(" or ")}; say what it does`);
    const variables = env.map((variable) => `\`${variable}\``).join(", ");
    const expected = printExpected(parse);
    const cost = expected === ANY_TEXT ? "" : COSTS[whenBad ?? "none"];
    return [variables, printFallback(fallback), cost, `${meaning} Takes ${expected}.`];
  });
  const table = printColumns([["variable", "without it", "a bad value", "what it does, and takes"], ...rows]);
  return { file: PAGE, text, printed: text.replace(BLOCK, `$1\n\n${table}\n\n$2`) };
}

/** The first sentence that belongs to a name is the one of its setting; other interfaces follow. */
function readMeanings() {
  const meanings = new Map();
  for (const file of INTERFACES) {
    for (const [, comment = "", name = ""] of readFileSync(file, "utf8").matchAll(PROPERTY)) {
      if (!meanings.has(name)) meanings.set(name, foldComment(comment));
    }
  }
  return meanings;
}

/** The table as the server reads it; the built package holds it inside a bundle. */
async function readTable() {
  const { outputFiles } = await build({
    entryPoints: [TABLE],
    bundle: true,
    format: "esm",
    platform: "node",
    write: false,
  });
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
  const { serverSettings } = await import(`data:text/javascript;base64,${code}`);
  return serverSettings;
}

/** What a setting is said to expect where it is given something else. */
function printExpected(parse) {
  try {
    parse("?!");
    return ANY_TEXT;
  } catch ({ message }) {
    return message.replace("expected ", "").replace(/, got .*/, "");
  }
}

function printFallback(value) {
  if (value === "" || value === -1 || value === Number.POSITIVE_INFINITY) return "";
  if (Array.isArray(value)) return `\`${value.join(",")}\``;
  if (typeof value === "object") return "";
  return `\`${value}\``;
}
