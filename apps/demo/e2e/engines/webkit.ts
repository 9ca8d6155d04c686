import { freePort, portAnswers } from "../../../../scripts/ports.mjs";
import { createProcesses, saysLine } from "../../../../scripts/processes.mjs";
import { type Engine, findProgram, type Tab } from "./engine.ts";
import { type Command, createTab, type Send } from "./webdriver-tab.ts";

const findDriver = () => findProgram("WebKitWebDriver");
const findBrowser = () =>
  findProgram(
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "MiniBrowser",
  );
const hasScreen = () => process.env.DISPLAY !== undefined || findProgram("Xvfb") !== undefined;

/** WebKitGTK through its own driver. */
export const webkit: Engine = {
  name: "webkit",
  missing() {
    if (!findDriver() || !findBrowser())
      return "no WebKitWebDriver or MiniBrowser (Debian: webkit2gtk-driver)";
    return hasScreen() ? undefined : "no screen for it, and no Xvfb on the PATH (Debian: xvfb)";
  },
  open,
};

const PATHS: Readonly<Record<Command, readonly [method: "GET" | "POST" | "DELETE", path: string]>> = {
  Navigate: ["POST", "/url"],
  Back: ["POST", "/back"],
  ExecuteScript: ["POST", "/execute/sync"],
  SetTimeouts: ["POST", "/timeouts"],
  FindElement: ["POST", "/element"],
  ElementClick: ["POST", "/element/{id}/click"],
  GetWindowHandle: ["GET", "/window"],
  NewWindow: ["POST", "/window/new"],
  SwitchToWindow: ["POST", "/window"],
  CloseWindow: ["DELETE", "/window"],
};

async function open(): Promise<Tab> {
  const processes = createProcesses();
  const display = process.env.DISPLAY ?? (await startScreen(processes));
  const port = await freePort(0);
  await processes.start({
    name: "WebKitWebDriver",
    command: findDriver() ?? "WebKitWebDriver",
    args: [`--port=${port}`],
    env: { DISPLAY: display },
    ready: (_: unknown, signal: AbortSignal) => portAnswers(port, signal),
  });
  const origin = `http://127.0.0.1:${port}`;
  const browser = { binary: findBrowser(), args: ["--automation"] };
  const { sessionId, capabilities } = (await call(origin, "POST", "/session", {
    capabilities: { alwaysMatch: { "webkitgtk:browserOptions": browser } },
  })) as { sessionId: string; capabilities: { browserVersion: string } };
  const session = `/session/${sessionId}`;
  const send: Send = (command, parameters = {}) => {
    const [method, path] = PATHS[command];
    return call(origin, method, session + path.replace("{id}", String(parameters.id)), parameters);
  };
  return createTab(capabilities.browserVersion, send, async () => {
    await call(origin, "DELETE", session).catch(() => undefined);
    await processes.stopAll();
  });
}

async function startScreen(processes: ReturnType<typeof createProcesses>): Promise<string> {
  const display = `:${90 + (process.pid % 900)}`;
  await processes.start({
    name: "Xvfb",
    command: "Xvfb",
    args: [display, "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-displayfd", "1"],
    // It writes the number of its display once it listens.
    ready: saysLine(/^\d+$/),
  });
  return display;
}

async function call(origin: string, method: string, path: string, body: object = {}): Promise<unknown> {
  const response = await fetch(origin + path, {
    method,
    ...(method === "POST" && { body: JSON.stringify(body) }),
  });
  const { value } = (await response.json()) as { value: unknown };
  if (!response.ok) throw new Error(`WebKitWebDriver refused ${method} ${path}: ${JSON.stringify(value)}`);
  return value;
}
