import { afterEach, expect, test } from "vitest";
import { hydrateLater } from "./hydration.ts";

const page = globalThis as { __next_s?: unknown[] | undefined };

afterEach(() => {
  page.__next_s = undefined;
});

/** As `next/dist/client/app-bootstrap.js` waits for scripts. */
async function awaitScripts(): Promise<void> {
  await page.__next_s?.reduce(() => expect.unreachable("no script was noted"), Promise.resolve());
}

test("hydration waits for a task, and what the app notes later is taken", async () => {
  hydrateLater();
  expect(page.__next_s).not.toHaveLength(0);
  expect(() => page.__next_s?.push(["/late.js", {}])).not.toThrow();
  const order: string[] = [];
  const channel = new MessageChannel();
  channel.port1.onmessage = () => order.push("a task");
  channel.port2.postMessage("");
  await awaitScripts().then(() => order.push("hydration"));
  channel.port1.close();
  expect(order).toEqual(["a task", "hydration"]);
});

test("scripts that the app waits for stay as they are", () => {
  const scripts = [["/first.js", {}]];
  page.__next_s = scripts;
  hydrateLater();
  expect(page.__next_s).toBe(scripts);
  expect(scripts).toEqual([["/first.js", {}]]);
});
