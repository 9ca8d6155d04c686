// Which Chromium the tests drive: the system's, else Playwright's own. `undefined` means neither is there.
import { existsSync } from "node:fs";
import { chromium } from "@playwright/test";

const SYSTEM = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Path of a Chromium executable, or undefined. */
export function findChromium() {
  const system = SYSTEM.find((path) => path && existsSync(path));
  if (system) return system;
  const own = chromium.executablePath();
  return existsSync(own) ? own : undefined;
}

/** Launch options for Playwright and for Vitest's browser mode. */
export function chromiumLaunchOptions() {
  const executablePath = findChromium();
  return {
    ...(executablePath ? { executablePath } : {}),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  };
}
