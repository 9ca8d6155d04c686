import { AsyncLocalStorage } from "node:async_hooks";
import { say } from "../log.ts";
import { processState } from "../process-state.ts";

/** What one sender has to say of its collector. */
export interface Trouble {
  /** What fails, with what was lost since the start; the newest sentence counts. */
  readonly warn: (text: string) => void;
  /** That it works again. */
  readonly over: (text: string) => void;
}

/** What the senders of a process say of their collectors, in two lines a minute at most, whatever fails. */
export interface Troubles {
  open(): Trouble;
}

const LINE_MS = 60_000;

interface Sentence {
  readonly level: "info" | "warn";
  readonly text: string;
}

/**
 * The first trouble is told at once, and what all senders have to say meanwhile in one line a minute later: a collector
 * that is down fails traces, logs, metrics and the browser's data alike. The other line of a minute is the good news.
 */
export function createTroubles(): Troubles {
  const outside = AsyncLocalStorage.snapshot();
  const waiting = new Map<Trouble, Sentence>();
  const told = new Set<Trouble>();
  let toldMs = Number.NEGATIVE_INFINITY;
  let overMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const tell = (): void => {
    if (timer) return;
    const leftMs = toldMs + LINE_MS - performance.now();
    if (leftMs > 0) {
      // Made within a request, it would keep what the request carries.
      outside(() => {
        timer = setTimeout(() => {
          timer = undefined;
          tell();
        }, leftMs).unref();
      });
      return;
    }
    if (waiting.size === 0) return;
    toldMs = performance.now();
    const sentences = [...waiting.values()];
    for (const [trouble, { level }] of waiting)
      if (level === "warn") told.add(trouble);
      else told.delete(trouble);
    waiting.clear();
    say(
      sentences.some(({ level }) => level === "warn") ? "warn" : "info",
      sentences.map(({ text }) => text).join(" Also: "),
    );
  };

  return {
    open(): Trouble {
      const trouble: Trouble = {
        warn(text): void {
          waiting.set(trouble, { level: "warn", text });
          tell();
        },
        over(text): void {
          if (told.has(trouble) && performance.now() - overMs >= LINE_MS) {
            overMs = performance.now();
            told.delete(trouble);
            waiting.delete(trouble);
            say("info", text);
            return;
          }
          waiting.set(trouble, { level: "info", text });
          tell();
        },
      };
      return trouble;
    },
  };
}

/** Those of this process: `register` and the ingest route are bundles of their own. */
export function processTroubles(): Troubles {
  const state = processState();
  state.troubles ??= createTroubles();
  return state.troubles;
}
