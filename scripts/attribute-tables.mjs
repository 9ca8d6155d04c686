// Prints the attributes an instrument writes, out of its code. A page of docs/browser says which code it is about:
//   <!-- attributes: packages/web/src/page/navigation.ts -->
//   …the table…
//   <!-- /attributes -->
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const PAGES = "docs/browser";
const NAMES = "packages/core/src/attributes.ts";
const BLOCK = /(<!-- attributes: ([^>]*) -->)[\s\S]*?(<!-- \/attributes -->)/g;
const IMPORT = /^(?:import|export) (type )?(\{[^}]*\}|\* as \w+) from "([^"]+)";/gm;
const CONSTANT = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?export const (\w+) = "([^"]+)";/g;

/** Constants that name no attribute. */
const NO_ATTRIBUTES = ["DEFAULT_INGEST_PATH", "FLUSH_TOKEN_HEADER", "TEST_GLOBAL", "EXCEPTION_EVENT"];

/** Every page with a table: `file`, its `text` as it is, and as it is to be (`printed`). Throws when a marker names no file. */
export function printAttributeTables() {
  const attributes = readAttributes();
  return readdirSync(PAGES)
    .filter((name) => name.endsWith(".md"))
    .map((name) => {
      const file = join(PAGES, name);
      const text = readFileSync(file, "utf8");
      const printed = text.replace(BLOCK, (_block, start, entries, end) => {
        const used = namesUsedBy(entries.trim().split(/\s+/), file);
        return `${start}\n\n${printTable(attributes.filter(({ constant }) => used.has(constant)))}\n\n${end}`;
      });
      return { file, text, printed };
    });
}

function readAttributes() {
  const require = createRequire(new URL("../packages/core/package.json", import.meta.url));
  const stable = valuesOf(require("@opentelemetry/semantic-conventions"));
  const incubating = valuesOf(require("@opentelemetry/semantic-conventions/incubating"));
  const statusOf = (name) => {
    if (stable.has(name)) return "stable";
    if (incubating.has(name)) return "in development";
    return name.startsWith("throughline.") ? "Throughline's own" : "no convention";
  };
  return [...readFileSync(NAMES, "utf8").matchAll(CONSTANT)]
    .map(([, comment = "", constant = "", name = ""]) => {
      const status = statusOf(name);
      return { constant, name, status, says: foldComment(comment) || conventionOf(name, status) };
    })
    .filter(({ constant }) => !NO_ATTRIBUTES.includes(constant))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function valuesOf(names) {
  return new Set(Object.values(names));
}

export function foldComment(comment) {
  return comment
    .replace(/^\s*\* ?/gm, "")
    .replace(/\s+/g, " ")
    .replaceAll("|", "\\|")
    .trim();
}

function conventionOf(name, status) {
  if (status !== "stable" && status !== "in development") return "";
  const [group] = name.split(".", 1);
  return `[as the conventions say](https://opentelemetry.io/docs/specs/semconv/registry/attributes/${group}/)`;
}

/** The names from core that these files import, and the files they import values from. */
function namesUsedBy(entries, page) {
  const used = new Set();
  const files = new Set(entries);
  // A set hands out what is added meanwhile.
  for (const file of files) {
    if (!existsSync(file)) throw new Error(`${page}: there is no ${file}; mend the path in its marker`);
    const imports = importsOf(file).filter(({ names }) => names.length > 0);
    for (const { from } of imports.filter(isRelative)) files.add(join(dirname(file), from));
    for (const { names } of imports.filter(isOfAttributes)) for (const name of names) used.add(name);
  }
  return used;
}

function isRelative({ from }) {
  return from.startsWith(".");
}

function isOfAttributes({ from }) {
  return from === "@throughline/core/attributes";
}

/** What a file imports besides types. */
function importsOf(file) {
  return [...readFileSync(file, "utf8").matchAll(IMPORT)]
    .filter(([, typeOnly]) => !typeOnly)
    .map(([, , what = "", from = ""]) => {
      if (what.startsWith("*"))
        throw new Error(`${file}: import names from ${from} one by one, to be listed`);
      const names = what
        .slice(1, -1)
        .split(",")
        .map((name) => name.trim().split(" as ", 1)[0] ?? "");
      return { from, names: names.filter((name) => name !== "" && !name.startsWith("type ")) };
    });
}

function printTable(attributes) {
  const rows = attributes.map(({ constant, name, status, says }) => [
    `\`${name}\``,
    says,
    status,
    `\`${constant}\``,
  ]);
  return printColumns([["attribute", "what it says", "status", "constant"], ...rows]);
}

/** Columns of equal width, as Biome formats them. */
export function printColumns(rows) {
  const widths = rows[0].map((_cell, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const line = (cells, filler) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column], filler)).join(" | ")} |`;
  const [head, ...body] = rows;
  return [
    line(head, " "),
    line(
      head.map(() => ""),
      "-",
    ),
    ...body.map((cells) => line(cells, " ")),
  ].join("\n");
}
