// Writes the tables of docs/browser anew from the code.
import { writeFileSync } from "node:fs";
import { printAttributeTables } from "./attribute-tables.mjs";

const changed = printAttributeTables().filter(({ text, printed }) => text !== printed);
for (const { file, printed } of changed) {
  writeFileSync(file, printed);
  console.log(`${file}: written`);
}
console.log(`${changed.length} files changed`);
