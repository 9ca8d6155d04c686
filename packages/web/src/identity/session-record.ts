import { STORAGE_PREFIX } from "./page-storage.ts";

/** In `localStorage`: the session's id, the Unix milliseconds when it began, and those when it was last used. */
export const SESSION_KEY: string = `${STORAGE_PREFIX}session`;

/** A session ends so long after it was last used, where the app does not say otherwise. */
export const INACTIVITY_MS: number = 15 * 60_000;
