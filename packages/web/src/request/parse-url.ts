/** For browsers without `URL.canParse`, too: https://developer.mozilla.org/docs/Web/API/URL/canParse_static */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
