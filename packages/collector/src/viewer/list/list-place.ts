/** Where the reader was in the list: at this row, so far below the list's top edge. */
export interface ListPlace {
  /** Address of the list with its filter. */
  readonly url: string;
  readonly row: string | undefined;
  readonly topPx: number;
  readonly focused: boolean;
}

/** The place to come back to: the row that has the focus, else the first that is in sight. */
export function readPlace(list: HTMLElement, url: string): ListPlace {
  const rows = rowsOf(list);
  const focused = rows.find((row) => row === document.activeElement);
  const row = focused ?? rows.find((one) => topOf(list, one) >= 0);
  const topPx = row ? topOf(list, row) : 0;
  return { url, row: row?.getAttribute("href") ?? undefined, topPx, focused: focused !== undefined };
}

/** Scrolls back to the place; rows that came meanwhile stand above it. */
export function restorePlace(list: HTMLElement, place: ListPlace): void {
  const row = rowsOf(list).find((one) => one.getAttribute("href") === place.row);
  if (!row) return;
  list.scrollTop += topOf(list, row) - place.topPx;
  if (place.focused) row.focus({ preventScroll: true });
}

function rowsOf(list: HTMLElement): readonly HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>("a.trace-row")];
}

function topOf(list: HTMLElement, row: HTMLElement): number {
  return row.getBoundingClientRect().top - list.getBoundingClientRect().top;
}
