import type { AttributeValue } from "@throughline/core";
import { copyButton } from "../copy-button.ts";
import { element } from "../dom.ts";
import { printValue } from "./attribute-groups.ts";
import { longText } from "./long-text.ts";
import { formatSql, printSql } from "./sql-format.ts";

/** Names and values, each value with a copy button. */
export function attributeTable(entries: readonly (readonly [string, AttributeValue])[]): HTMLElement {
  const rows = entries.map(([key, value]) => {
    const text = printValue(value);
    const kind = value === null ? "null" : typeof value;
    return element(
      "tr",
      {},
      element("th", { attributes: { scope: "row" } }, ...breakable(key)),
      element(
        "td",
        { class: `value value-${kind}` },
        longText(text),
        copyButton(key, () => text),
      ),
    );
  });
  return element("table", { class: "attributes" }, element("tbody", {}, ...rows));
}

/** A query with one clause a line; what is copied is the query as it was sent. */
export function queryBlock(sql: string): HTMLElement {
  const code = element("code", {});
  const tokens = formatSql(sql);
  for (const token of tokens) {
    if (token.kind === "space" || token.kind === "text") code.append(token.text);
    else code.append(element("span", { class: `sql-${token.kind}`, text: token.text }));
  }
  return element(
    "div",
    { class: "snippet", attributes: { "aria-label": printSql(tokens) } },
    element("pre", { attributes: { tabindex: "0" } }, code),
    copyButton("query", () => sql),
  );
}

// Long names break after their dots.
function breakable(key: string): readonly (string | HTMLElement)[] {
  return key.split(/(?<=\.)/).flatMap((part) => [part, element("wbr")]);
}
