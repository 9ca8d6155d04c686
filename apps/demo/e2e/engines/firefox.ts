import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, portAnswers } from "../../../../scripts/ports.mjs";
import { createProcesses } from "../../../../scripts/processes.mjs";
import { type Engine, findProgram, type Tab } from "./engine.ts";
import { createTab, type Send } from "./webdriver-tab.ts";

const find = () => findProgram("firefox", "firefox-esr");

/** Through Marionette, the protocol below geckodriver: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html */
export const firefox: Engine = {
  name: "firefox",
  missing: () => (find() ? undefined : "no firefox on the PATH (Debian: firefox-esr)"),
  open,
};

async function open(): Promise<Tab> {
  const port = await freePort(0);
  const profile = mkdtempSync(join(tmpdir(), "throughline-firefox-"));
  writeFileSync(join(profile, "user.js"), `user_pref("marionette.port", ${port});\n`);
  const processes = createProcesses();
  await processes.start({
    name: "Firefox",
    command: find() ?? "firefox",
    args: ["--headless", "--marionette", "--no-remote", "--profile", profile],
    ready: (_: unknown, signal: AbortSignal) => portAnswers(port, signal),
  });
  const marionette = createMarionette(connect(port, "127.0.0.1"));
  const { capabilities } = (await marionette.send("WebDriver:NewSession", {})) as {
    capabilities: { browserVersion: string };
  };
  const send: Send = async (command, parameters = {}) => {
    return unwrapped(await marionette.send(`WebDriver:${command}`, parameters));
  };
  return createTab(capabilities.browserVersion, send, async () => {
    marionette.end();
    await processes.stopAll();
    rmSync(profile, { recursive: true, force: true });
  });
}

/** Single values come in an object of their own. */
function unwrapped(answer: unknown): unknown {
  return typeof answer === "object" && answer !== null && "value" in answer ? answer.value : answer;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Messages are JSON behind their length in bytes: `[0, id, name, parameters]` there, `[1, id, error, result]` back. */
function createMarionette(socket: Socket) {
  const waiting = new Map<number, Waiting>();
  let received = Buffer.alloc(0);
  let count = 0;

  function read(): void {
    const colon = received.indexOf(":");
    const end = colon + 1 + Number(received.subarray(0, Math.max(colon, 0)));
    if (colon < 0 || received.length < end) return;
    const message: unknown = JSON.parse(received.subarray(colon + 1, end).toString());
    received = received.subarray(end);
    // The greeting is no list.
    if (Array.isArray(message)) settle(message as [1, number, { message: string } | null, unknown]);
    read();
  }

  function settle([, id, error, result]: [1, number, { message: string } | null, unknown]): void {
    if (error) waiting.get(id)?.reject(new Error(error.message));
    else waiting.get(id)?.resolve(result);
    waiting.delete(id);
  }
  socket.on("data", (data) => {
    received = Buffer.concat([received, data]);
    read();
  });
  return {
    send(name: string, parameters: object): Promise<unknown> {
      const id = ++count;
      const text = JSON.stringify([0, id, name, parameters]);
      socket.write(`${Buffer.byteLength(text)}:${text}`);
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    },
    end: () => socket.destroy(),
  };
}
