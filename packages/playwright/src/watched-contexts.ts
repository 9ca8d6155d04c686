import type { BrowserContext, Page } from "@playwright/test";
import { TEST_GLOBAL } from "@throughline/core/attributes";
import { startWireLog, type WireLog } from "./wire.ts";

/** The browser contexts of one test: that of the fixture, and what the test hands over. */
export interface WatchedContexts {
  readonly wire: WireLog;
  /** Puts the test's id into each page that this context opens from now on, and logs its requests. */
  watch(context: BrowserContext): Promise<void>;
  pages(): readonly Page[];
  /** Pages whose spans cannot be this test's, and what to do about each. */
  notes(): readonly string[];
}

export function createWatchedContexts(testId: string): WatchedContexts {
  const contexts = new Set<BrowserContext>();
  const early: string[] = [];
  const wire = startWireLog();
  return {
    wire,
    watch: async (context) => {
      if (contexts.has(context)) return;
      contexts.add(context);
      early.push(...openUrls(context));
      wire.watch(context);
      await context.addInitScript(
        ({ name, id }) => {
          Object.assign(globalThis, { [name]: { id } });
        },
        { name: TEST_GLOBAL, id: testId },
      );
    },
    pages: () => [...contexts].flatMap((context) => context.pages()),
    notes: () => [...early.map(earlyNote), ...strangersOf(contexts).flatMap(openUrls).map(strangerNote)],
  };
}

/** Contexts of the same browsers that nobody has handed over. */
function strangersOf(contexts: ReadonlySet<BrowserContext>): readonly BrowserContext[] {
  const browsers = new Set([...contexts].flatMap((context) => context.browser() ?? []));
  return [...browsers].flatMap((browser) => browser.contexts()).filter((context) => !contexts.has(context));
}

function openUrls(context: BrowserContext): readonly string[] {
  return context.pages().flatMap((page) => (page.url() === "about:blank" ? [] : page.url()));
}

function earlyNote(url: string): string {
  return `${url} was loaded before "otel" started to watch it, so its spans carry no test id; name otel in the beforeEach or fixture that opens the page, or call otel.watch(context) before it`;
}

function strangerNote(url: string): string {
  return `${url} is open in a browser context that "otel" does not watch, so its spans carry no test id; call otel.watch(context) before that context opens a page`;
}
