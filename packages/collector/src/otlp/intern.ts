/** Returns the first equal string it was given, so that thousands of spans share one copy of each key and name. */
export type Intern = (text: string) => string;

const MAX_WORDS = 4096;
const MAX_WORD_LENGTH = 128;

/** An {@link Intern} that forgets everything when full: bounded whatever senders write. */
export function createIntern(): Intern {
  const words = new Map<string, string>();
  return (text) => {
    if (text.length > MAX_WORD_LENGTH) return text;
    const known = words.get(text);
    if (known !== undefined) return known;
    if (words.size >= MAX_WORDS) words.clear();
    words.set(text, text);
    return text;
  };
}
