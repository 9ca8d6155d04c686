import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { errorText } from "../error-text.ts";
import type { DrivenPage } from "./look-at-page.ts";

export interface BrowserOptions {
  /** The app's folder: its Playwright is used. */
  readonly folder: string;
  /** Path of a Chromium; empty: Playwright's own, else one of the machine. */
  readonly executable: string;
  /** DevTools address of a browser that runs already, with the extensions it has; empty: none. */
  readonly devTools: string;
}

export interface OpenPage {
  readonly page: DrivenPage;
  readonly close: () => Promise<void>;
}

/** As much of Playwright as is needed; https://playwright.dev/docs/api/class-browsertype */
interface BrowserType {
  executablePath(): string;
  launch(options: { readonly executablePath?: string }): Promise<Browser>;
  connectOverCDP(url: string): Promise<Browser>;
}

interface Browser {
  newContext(): Promise<BrowserContext>;
  contexts(): readonly BrowserContext[];
  close(): Promise<void>;
}

interface BrowserContext {
  newPage(): Promise<DrivenPage & { close(): Promise<void> }>;
}

const PACKAGES = ["playwright-core", "playwright", "@playwright/test"];

const SYSTEM = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/**
 * Opens an empty page with the app's own Playwright.
 * @throws with what to install or correct.
 */
export async function openPage(options: BrowserOptions): Promise<OpenPage> {
  const chromium = await findPlaywright(options.folder);
  if (options.devTools !== "") return openIn(chromium, options.devTools);
  const executablePath = options.executable || findBrowser(chromium);
  const browser = await chromium.launch({ executablePath }).catch((error: unknown) => {
    throw new Error(
      `${executablePath} did not start: ${errorText(error).split("\n")[0]}; name another with --browser`,
    );
  });
  return closingOnFailure(browser, async () => {
    const page = await (await browser.newContext()).newPage();
    return { page, close: () => browser.close() };
  });
}

/** Or the browser would keep the command alive. */
async function closingOnFailure<T>(browser: Browser, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await browser.close();
    throw error;
  }
}

/** The first context of a running browser is its user's own: its extensions see what happens there. */
async function openIn(chromium: BrowserType, devTools: string): Promise<OpenPage> {
  const browser = await chromium.connectOverCDP(devTools).catch((error: unknown) => {
    throw new Error(
      `no browser answers at ${devTools}: ${errorText(error).split("\n")[0]}; start it with --remote-debugging-port=9222`,
    );
  });
  return closingOnFailure(browser, async () => {
    const page = await (browser.contexts()[0] ?? (await browser.newContext())).newPage();
    return {
      page,
      close: async () => {
        await page.close();
        await browser.close();
      },
    };
  });
}

async function findPlaywright(folder: string): Promise<BrowserType> {
  const from = createRequire(join(folder, "package.json"));
  for (const name of PACKAGES) {
    const path = resolved(from, name);
    if (path === undefined) continue;
    const found = (await import(pathToFileURL(path).href)) as Playwright & { readonly default?: Playwright };
    const chromium = found.chromium ?? found.default?.chromium;
    if (chromium) return chromium;
  }
  throw new Error(`Playwright is not installed in ${folder}; npm install --save-dev @playwright/test`);
}

interface Playwright {
  readonly chromium?: BrowserType;
}

function resolved(from: NodeJS.Require, name: string): string | undefined {
  try {
    return from.resolve(name);
  } catch {
    return undefined;
  }
}

function findBrowser(chromium: BrowserType): string {
  const path = [chromium.executablePath(), ...SYSTEM].find((each) => existsSync(each));
  if (path === undefined)
    throw new Error("no Chromium was found; npx playwright install chromium, or name one with --browser");
  return path;
}
