// Documents that name what is not there: every path and `npm run` script in the Markdown files must exist, and
// every table that is printed from code must be what the code says now.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { printAttributeTables } from "./attribute-tables.mjs";
import { printSettings } from "./settings-tables.mjs";

const documents = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" }).map((file) => join("docs", file)),
  ...readdirSync("packages").map((room) => join("packages", room, "README.md")),
].filter((file) => file.endsWith(".md") && existsSync(file));

const scripts = new Set(Object.keys(JSON.parse(readFileSync("package.json", "utf8")).scripts));
const TOP_LEVEL = /^(?:packages|apps|scripts|docs|\.ci)\//;
const README_LIMIT = 150;

const problems = documents.flatMap((file) => {
  const text = readFileSync(file, "utf8");
  const named = [...text.matchAll(/`([^`\s*{}<>]+)`/g)].map((match) => match[1] ?? "");
  const linked = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map((match) =>
    join(dirname(file), match[1] ?? ""),
  );
  const missing = [...named.filter((path) => TOP_LEVEL.test(path)), ...linked].filter(
    (path) => !existsSync(path),
  );
  const unknown = [...text.matchAll(/npm run ([\w:-]+)/g)]
    .map((match) => match[1] ?? "")
    .filter((name) => !scripts.has(name));
  return [
    ...missing.map((path) => `${file}: ${path} does not exist; mend the path or remove it`),
    ...unknown.map((name) => `${file}: there is no script "npm run ${name}" in package.json`),
  ];
});

const readmeLines = readFileSync("README.md", "utf8").split("\n").length;
if (readmeLines > README_LIMIT)
  problems.push(`README.md: ${readmeLines} lines, the limit is ${README_LIMIT}`);

for (const { file, text, printed } of [...printAttributeTables(), await printSettings()])
  if (text !== printed) problems.push(`${file}: its table is not what the code says; npm run docs`);

for (const problem of problems) console.error(problem);
console.log(`${documents.length} documents checked, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
