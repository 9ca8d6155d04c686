import type { SpansEvent } from "@throughline/core";

export type LiveState = "connecting" | "live" | "lost";

export interface LiveListener {
  onSpans(event: SpansEvent): void;
  /** `live` after `lost` means that events were missed: ask again. */
  onState(state: LiveState): void;
}

const RETRY_MS = 2000;

/** Follows the collector's stream and comes back after every loss, until stopped. */
export function startLive(path: string, listener: LiveListener): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const connect = (): void => {
    const opened = new EventSource(path);
    source = opened;
    opened.addEventListener("open", () => listener.onState("live"));
    opened.addEventListener("spans", (event) => listener.onSpans(JSON.parse(event.data) as SpansEvent));
    opened.addEventListener("error", () => {
      listener.onState("lost");
      // EventSource retries by itself only after a network failure, not after a refusal.
      opened.close();
      clearTimeout(timer);
      timer = setTimeout(connect, RETRY_MS);
    });
  };
  listener.onState("connecting");
  connect();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
