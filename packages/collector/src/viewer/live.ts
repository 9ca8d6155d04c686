import type { SpansEvent } from "@throughline/core";

export type LiveState = "connecting" | "live" | "lost";

export interface LiveListener {
  onSpans(event: SpansEvent): void;
  /** `live` after `lost` means that events were missed: ask again. */
  onState(state: LiveState): void;
}

const RETRY_MS = 2000;

/**
 * Follows the collector's stream and comes back after every loss, until stopped. A tab that nobody sees lets go of it:
 * browsers allow six connections to a host over HTTP/1.1, and the seventh tab would wait for one of the others to close.
 */
export function startLive(path: string, listener: LiveListener): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const connect = (): void => {
    if (document.hidden) return;
    const opened = new EventSource(path);
    source = opened;
    opened.addEventListener("open", () => listener.onState("live"));
    opened.addEventListener("spans", (event) => listener.onSpans(JSON.parse(event.data) as SpansEvent));
    opened.addEventListener("error", () => {
      listener.onState("lost");
      // EventSource retries by itself only after a network failure, not after a refusal.
      letGo();
      timer = setTimeout(connect, RETRY_MS);
    });
  };
  const letGo = (): void => {
    clearTimeout(timer);
    source?.close();
  };
  const onVisibility = (): void => {
    letGo();
    connect();
  };
  document.addEventListener("visibilitychange", onVisibility);
  listener.onState("connecting");
  connect();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    letGo();
  };
}
