// Writes the tables of docs that are printed from code anew.
import { writeFileSync } from "node:fs";
import { printAttributeTables } from "./attribute-tables.mjs";
import { printSettings } from "./settings-tables.mjs";

const pages = [...printAttributeTables(), await printSettings()];
const changed = pages.filter(({ text, printed }) => text !== printed);
for (const { file, printed } of changed) {
  writeFileSync(file, printed);
  console.log(`${file}: written`);
}
console.log(`${changed.length} files changed`);
