const NAME_WIDTH = 14;

/** `Waited        412 ms, timed out; …`, later lines below the text. */
export function printFact(name: string, text: string, columns: number): string {
  const lines = wrap(text, columns - NAME_WIDTH).split("\n");
  return `${name.padEnd(NAME_WIDTH)}${lines.join(`\n${" ".repeat(NAME_WIDTH)}`)}`;
}

/** Broken between words; the HTML report cuts what is longer than its box. A quoted command, and a word that is too long, stay whole. */
export function wrap(text: string, columns: number): string {
  let line = 0;
  return text.replace(/ *(?:"[^"]*"|[^ ]+)/g, (word) => {
    const isTooLong = line > 0 && line + word.length > columns;
    line = isTooLong ? word.trimStart().length : line + word.length;
    return isTooLong ? `\n${word.trimStart()}` : word;
  });
}
