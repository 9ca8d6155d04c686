import { chromium as playwright } from "@playwright/test";
import { chromiumLaunchOptions, findChromium } from "../../../../scripts/chromium.mjs";
import type { Engine } from "./engine.ts";

/** The one that every other test runs in, for the same table. */
export const chromium: Engine = {
  name: "chromium",
  missing: () => (findChromium() ? undefined : "no Chromium (npx playwright install chromium)"),
  async open() {
    const browser = await playwright.launch(chromiumLaunchOptions());
    const context = await browser.newContext();
    let page = await context.newPage();
    return {
      version: browser.version(),
      goto: async (url) => void (await page.goto(url)),
      back: async () => void (await page.goBack()),
      evaluate: (body) => page.evaluate(`(() => { ${body} })()`),
      click: (text) => page.getByRole("button", { name: text, exact: true }).click(),
      async closeFirst(url) {
        const next = await context.newPage();
        await page.close({ runBeforeUnload: true });
        page = next;
        await page.goto(url);
      },
      quit: () => browser.close(),
    };
  },
};
