import type { Attributes } from "@opentelemetry/api";
import { PAGE_ID, PAGE_URL, SESSION_ID, SESSION_PREVIOUS_ID, TAB_ID } from "@throughline/core/attributes";
import type { WebInstrument } from "../instrument.ts";
import { listen } from "../listen.ts";
import { attempt } from "../start-all.ts";
import { newSpanId, newTraceId } from "../trace/ids.ts";
import { setConsent } from "./consent.ts";
import { openStorage } from "./page-storage.ts";
import { createRootLinks } from "./root-links.ts";
import { INACTIVITY_MS, SESSION_KEY } from "./session-record.ts";
import { startTab } from "./tab.ts";

export interface SessionOptions {
  /** A session ends so long after it began; default 4 hours. */
  readonly maxAgeMs?: number | undefined;
  /** And so long after its last span in any tab; default 15 minutes. */
  readonly inactivityMs?: number | undefined;
  /** Milliseconds since 1970, for tests; default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

interface Session {
  readonly id: string;
  readonly startedAt: number;
  readonly usedAt: number;
}

const STORED = /^([0-9a-f]{32}) (\d{1,16}) (\d{1,16})$/;
/** Storage is read and written at most so often; a session is not counted in milliseconds. */
const RECHECK_MS = 1000;

/**
 * Says on every span whose visit it belongs to: `session.id`, shared by the tabs of this origin, and the ids of tab
 * and page with the page's address; and links each trace of the page to the one before. Put it first, so that the spans of the other instruments have them too.
 */
export function traceSession(options: SessionOptions = {}): WebInstrument {
  return ({ consent, describeSpans }) => {
    const session = createSession({ ...options, storage: () => openStorage(consent, "localStorage") });
    const tab = startTab(() => openStorage(consent, "sessionStorage"));
    const pageId = newSpanId();
    const linkRoots = createRootLinks();
    describeSpans((span, parentContext) => {
      linkRoots(span, parentContext);
      return { ...session.use(), [TAB_ID]: tab.id(), [PAGE_ID]: pageId, [PAGE_URL]: location.href };
    });
    consent.whenGranted(() =>
      attempt(() => {
        session.recheck();
        tab.take();
      }),
    );
    // Only other tabs hear of it.
    const stopListening = listen(window, "storage", (event) => {
      const { key, newValue } = event as StorageEvent;
      if (key === SESSION_KEY && newValue === "") setConsent("denied");
    });
    return {
      stop() {
        stopListening();
        tab.stop();
      },
    };
  };
}

interface SessionParts extends SessionOptions {
  readonly storage: () => Storage | undefined;
}

function createSession({
  maxAgeMs = 4 * 60 * 60_000,
  inactivityMs = INACTIVITY_MS,
  // Wall time, not `performance.now`: a computer that slept has been away too.
  now = () => Date.now(),
  storage,
}: SessionParts) {
  let session: Session | undefined;
  let isStored = false;
  let previousId: string | undefined;
  let checkedAt = 0;

  function isLive({ startedAt, usedAt }: Session, at: number): boolean {
    // Times to come are of a clock that was set back since.
    return at - startedAt <= maxAgeMs && Math.abs(at - usedAt) <= inactivityMs;
  }

  function find(at: number): Session {
    const shared = storage();
    const stored = shared && readSession(shared);
    // Stored once and gone: somebody removed it, and it is not for us to bring it back.
    const candidate = stored ?? (shared && isStored ? undefined : session);
    const id = candidate && isLive(candidate, at) ? candidate.id : newTraceId();
    // Also one that an earlier page had; who comes back the next day is nobody that was known.
    if (candidate && candidate.id !== id && at - candidate.usedAt <= maxAgeMs) previousId = candidate.id;
    const startedAt = candidate?.id === id ? candidate.startedAt : at;
    const found = { id, startedAt, usedAt: at };
    isStored = shared !== undefined && writeSession(shared, found);
    return found;
  }

  return {
    /** Whose span starts now. */
    use(): Attributes {
      const at = now();
      if (!session || Math.abs(at - checkedAt) >= RECHECK_MS) {
        const found = find(at);
        if (session && session.id !== found.id && at - session.usedAt <= maxAgeMs) previousId = session.id;
        session = found;
        checkedAt = at;
      }
      const attributes = {
        [SESSION_ID]: session.id,
        ...(previousId && { [SESSION_PREVIOUS_ID]: previousId }),
      };
      previousId = undefined;
      return attributes;
    },
    recheck(): void {
      checkedAt = -RECHECK_MS;
    },
  };
}

function readSession(storage: Storage): Session | undefined {
  const [, id, startedAt, usedAt] = STORED.exec(storage.getItem(SESSION_KEY) ?? "") ?? [];
  return id === undefined ? undefined : { id, startedAt: Number(startedAt), usedAt: Number(usedAt) };
}

/** Whether there was room for it. */
function writeSession(storage: Storage, { id, startedAt, usedAt }: Session): boolean {
  try {
    storage.setItem(SESSION_KEY, `${id} ${startedAt} ${usedAt}`);
    return true;
  } catch {
    return false;
  }
}
