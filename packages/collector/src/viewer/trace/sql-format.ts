export interface SqlToken {
  readonly kind: "keyword" | "text" | "string" | "comment" | "space";
  readonly text: string;
}

// Quoted text, comments, words, white space, then any single sign. Every alternative is linear.
const TOKEN =
  /('(?:[^']|'')*'?|\$\$[^$]*\$\$)|("(?:[^"]|"")*"?|`[^`]*`?)|(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|([A-Za-z_][\w$]*)|(\s+)|([\s\S])/g;

const KEYWORDS: ReadonlySet<string> = new Set(
  `all and as asc between by case conflict constraint count cross delete desc distinct do else end exists from full
  group having in inner insert into is join left like limit not nothing null offset on or order outer over partition
  returning right select set then union update using values when where with`.split(/\s+/),
);

/** Words that begin a line when they stand outside parentheses. */
const CLAUSES: ReadonlySet<string> = new Set(
  "from where group having order limit offset values set returning union left right inner cross full join on".split(
    " ",
  ),
);
/** After these, the word before already began the line: `left outer join`, `on conflict`. */
const JOINERS: ReadonlySet<string> = new Set(["left", "right", "inner", "outer", "cross", "full"]);
const LONGEST = 20_000;

/** SQL with one clause a line and `and`/`or` indented; literals, comments and parentheses stay as written. */
export function formatSql(sql: string): readonly SqlToken[] {
  const out: SqlToken[] = [];
  let parens = 0;
  let before = "";
  for (const token of readSql(sql)) {
    const word = token.kind === "keyword" ? token.text.toLowerCase() : "";
    parens = Math.max(0, parens + nesting(token.text));
    const line = parens === 0 && out.length > 0 ? lineBreak(word, before) : undefined;
    if (line !== undefined) {
      while (out.at(-1)?.kind === "space") out.pop();
      out.push({ kind: "space", text: line });
    }
    out.push(...tidy(token));
    if (counts(token, word, before)) before = word;
  }
  return out;
}

// The `and` of `between 2 and 3` joins no conditions, however long the first bound is.
function counts(token: SqlToken, word: string, before: string): boolean {
  return before === "between" ? word === "and" : token.kind !== "space";
}

function nesting(text: string): number {
  if (text === "(") return 1;
  return text === ")" ? -1 : 0;
}

function tidy(token: SqlToken): readonly SqlToken[] {
  if (token.kind === "space") return [{ kind: "space", text: " " }];
  // A line comment ends at its line break, which must survive.
  const endsLine = token.kind === "comment" && token.text.startsWith("--");
  return endsLine ? [token, { kind: "space", text: "\n" }] : [token];
}

/** The tokens as text again. */
export function printSql(tokens: readonly SqlToken[]): string {
  return tokens.map((token) => token.text).join("");
}

function lineBreak(word: string, before: string): string | undefined {
  if (word === "and" || word === "or") return before === "between" ? undefined : "\n  ";
  if (!CLAUSES.has(word)) return undefined;
  if (word === "join" && JOINERS.has(before)) return undefined;
  // `delete from`, `is distinct from`, `on update set`: not a new clause.
  if (before === "delete" || before === "distinct" || (word === "set" && before === "update"))
    return undefined;
  return "\n";
}

function readSql(sql: string): readonly SqlToken[] {
  if (sql.length > LONGEST) return [{ kind: "text", text: sql }];
  const tokens: SqlToken[] = [];
  for (const [text, string, , comment, word, space] of sql.trim().matchAll(TOKEN)) {
    tokens.push({ kind: kindOf({ string, comment, word, space }), text });
  }
  return tokens;
}

function kindOf(found: {
  string: string | undefined;
  comment: string | undefined;
  word: string | undefined;
  space: string | undefined;
}): SqlToken["kind"] {
  if (found.string !== undefined) return "string";
  if (found.comment !== undefined) return "comment";
  if (found.space !== undefined) return "space";
  return found.word !== undefined && KEYWORDS.has(found.word.toLowerCase()) ? "keyword" : "text";
}
