import type { Tab } from "./engine.ts";

/** Sends a command by the name it has in the WebDriver standard: https://www.w3.org/TR/webdriver2/#endpoints */
export type Send = (command: Command, parameters?: Readonly<Record<string, unknown>>) => Promise<unknown>;

export type Command =
  | "Navigate"
  | "Back"
  | "ExecuteScript"
  | "SetTimeouts"
  | "FindElement"
  | "ElementClick"
  | "GetWindowHandle"
  | "NewWindow"
  | "SwitchToWindow"
  | "CloseWindow";

const PATIENCE_MS = 15_000;

/** What both drivers of the standard have in common. */
export function createTab(version: string, send: Send, quit: () => Promise<void>): Tab {
  const buttons = new Map<string, unknown>();

  async function find(text: string): Promise<unknown> {
    const value = `//button[normalize-space()=${JSON.stringify(text)}]`;
    // A page has loaded before React has drawn it.
    await send("SetTimeouts", { implicit: PATIENCE_MS });
    // An element is an object with one key, which the standard names.
    const [element] = Object.values((await send("FindElement", { using: "xpath", value })) as object);
    return element;
  }

  async function goto(url: string): Promise<void> {
    buttons.clear();
    await send("Navigate", { url });
  }
  return {
    version,
    goto,
    async back() {
      buttons.clear();
      await send("Back");
    },
    evaluate: async <T>(body: string) => (await send("ExecuteScript", { script: body, args: [] })) as T,
    async click(text) {
      if (!buttons.has(text)) buttons.set(text, await find(text));
      await send("ElementClick", { id: buttons.get(text) });
    },
    async closeFirst(url) {
      const first = await send("GetWindowHandle");
      const { handle } = (await send("NewWindow", { type: "tab" })) as { handle: string };
      await send("SwitchToWindow", { handle: first });
      await send("CloseWindow");
      await send("SwitchToWindow", { handle });
      await goto(url);
    },
    quit,
  };
}
