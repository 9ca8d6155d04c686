import { openStorage, STORAGE_PREFIX } from "../identity/page-storage.ts";
import type { WebInstrument } from "../instrument.ts";
import { listen } from "../listen.ts";
import { isPrerendering } from "../page/prerendering.ts";
import { attempt } from "../start-all.ts";

const PREFIX = `${STORAGE_PREFIX}post.`;
const MAX_AGE_MS = 60 * 60 * 1000;
/** As the browser counts: two bytes a character of JSON would be too careful, it is nearly all ASCII. */
const MAX_CHARACTERS = 256 * 1024;

/**
 * Keeps posts that may not have arrived (no network, a closed page, an endpoint that is down) in `localStorage`
 * and sends them with the next page load: at most 256 KiB, at most an hour old, with their original times.
 */
export function offlineQueue(): WebInstrument {
  return ({ outbox, consent }) => {
    // Not `sessionStorage`: it is gone with the tab, and a closed tab is what most posts are lost by.
    const open = (): Storage | undefined => openStorage(consent, "localStorage");
    /** When the posts that are sent again were written: being held once more makes none of them younger. */
    const writtenAt = new Map<string, number>();
    outbox.holdBy((body) => {
      const allowed = open();
      return allowed && keep(allowed, body, writtenAt.get(body) ?? Date.now());
    });
    const sendAll = (): void => {
      // A visit that never comes would take them along.
      const allowed = isPrerendering() ? undefined : open();
      forgetOld(writtenAt);
      for (const { body, ms } of allowed ? takeAll(allowed) : []) {
        writtenAt.set(body, ms);
        outbox.resend(body);
      }
    };
    consent.whenGranted(() => attempt(sendAll));
    const stopOnline = listen(window, "online", sendAll);
    const stopActivation = listen(document, "prerenderingchange", () => attempt(sendAll));
    return {
      stop() {
        stopOnline();
        stopActivation();
        outbox.holdBy(() => undefined);
      },
    };
  };
}

function forgetOld(writtenAt: Map<string, number>): void {
  for (const [body, ms] of writtenAt) if (ms < Date.now() - MAX_AGE_MS) writtenAt.delete(body);
}

/** One entry a post, so that tabs never write over each other; the oldest make room. */
function keep(storage: Storage, body: string, ms: number): (() => void) | undefined {
  if (body.length > MAX_CHARACTERS) return undefined;
  const key = `${PREFIX}${ms}.${crypto.getRandomValues(new Uint32Array(2)).join("")}`;
  let size = body.length;
  for (const other of keysOf(storage).reverse()) {
    size += storage.getItem(other)?.length ?? 0;
    if (size > MAX_CHARACTERS) storage.removeItem(other);
  }
  try {
    storage.setItem(key, body);
  } catch {
    // Full: the page's own data come first.
    return undefined;
  }
  return () => storage.removeItem(key);
}

/** The posts that are young enough, oldest first; taken before they are sent, so that no other tab sends them too. */
function takeAll(storage: Storage): readonly Held[] {
  const posts: Held[] = [];
  for (const key of keysOf(storage)) {
    const body = storage.getItem(key);
    storage.removeItem(key);
    const ms = Number.parseInt(key.slice(PREFIX.length), 10);
    if (body !== null && Date.now() - ms <= MAX_AGE_MS) posts.push({ body, ms });
  }
  return posts;
}

interface Held {
  readonly body: string;
  /** When it was written. */
  readonly ms: number;
}

/** Oldest first: the time is the first thing in a key. */
function keysOf(storage: Storage): string[] {
  return Object.keys(storage)
    .filter((key) => key.startsWith(PREFIX))
    .sort();
}
