export interface Viewport {
  readonly scrollTop: number;
  /** Height of the part that shows rows, in pixels. */
  readonly height: number;
  readonly rowHeight: number;
}

/** The rows to draw: `first` up to, not including, `end`; a few more than fit, so that scrolling shows no gap. */
export function rowWindow(
  view: Viewport,
  count: number,
  overscan: number,
): { readonly first: number; readonly end: number } {
  const first = Math.floor(view.scrollTop / view.rowHeight) - overscan;
  const end = Math.ceil((view.scrollTop + view.height) / view.rowHeight) + overscan;
  const from = Math.max(0, Math.min(first, count));
  return { first: from, end: Math.max(from, Math.min(end, count)) };
}

/** The nearest scroll position at which the row is in full view. */
export function scrollToShow(view: Viewport, index: number): number {
  const top = index * view.rowHeight;
  if (top < view.scrollTop) return top;
  const bottom = top + view.rowHeight;
  if (bottom > view.scrollTop + view.height) return Math.max(0, bottom - view.height);
  return view.scrollTop;
}
