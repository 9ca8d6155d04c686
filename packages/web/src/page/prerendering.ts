/** Of Chromium: https://developer.mozilla.org/docs/Web/API/Document/prerendering */
interface Prerenderable {
  readonly prerendering?: boolean;
}

/** Whether the page is made ready for a visit that may never come. */
export function isPrerendering(): boolean | undefined {
  return (document as Prerenderable).prerendering;
}
