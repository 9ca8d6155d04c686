import type { SpansEvent } from "@throughline/core";
import type { CollectorApi } from "./collector-api.ts";
import type { ListPlace } from "./list/list-place.ts";

/** One page of the viewer, in place until it is stopped. */
export interface View {
  readonly element: HTMLElement;
  onSpans(event: SpansEvent): void;
  /** Events may have been missed. */
  onReconnect(): void;
  /** The URL changed under the view (back, forward); `false` when it is another page's. */
  onUrl(url: URL): boolean;
  stop(): void;
}

/** What the centre hands to every view. */
export interface ViewTools {
  readonly api: CollectorApi;
  readonly colourOf: (service: string) => string;
  /** Writes the view's state into the address bar. */
  writeUrl(url: string): void;
  /** Leaves for another page of the viewer. */
  open(url: string): void;
  setTitle(title: string): void;
  /** Where the reader has left the list. */
  listPlace(): ListPlace | undefined;
  leaveList(place: ListPlace): void;
}
