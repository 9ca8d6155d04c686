// Child processes that are all stopped, their own children too, whatever happens.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const KEPT_LINES = 60;
const STOP_TIMEOUT_MS = 5000;
const POSIX = process.platform !== "win32";

/** What a child said before it failed, for the terminal. */
export class ChildError extends Error {
  constructor(sentence, lines) {
    super(`throughline: ${sentence}`);
    this.name = "ChildError";
    this.lines = lines;
  }
}

/**
 * A set of children. `onLine(name, line, stream)` hears every line of output;
 * `died` rejects with a ChildError when a service ends without being asked.
 */
export function createProcesses({ onLine = (_name, _line, _stream) => undefined } = {}) {
  const running = new Set();
  let closed = false;
  let reject;
  const died = new Promise((_, fail) => {
    reject = fail;
  });
  // A caller need not listen: the starters reject by themselves.
  died.catch(() => undefined);

  function launch({ name, command = process.execPath, args, cwd, env = {} }) {
    if (closed) throw new ChildError(`${name} was not started, everything is being stopped`, []);
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // Its own process group: one signal reaches the workers of npm, turbo and Next as well.
      detached: POSIX,
    });
    const entry = { name, child, lines: [], listeners: new Set(), stopping: undefined };
    entry.exited = new Promise((resolve) => {
      child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      child.once("close", (code, signal) => resolve(describeExit(code, signal)));
    });
    for (const stream of ["stdout", "stderr"]) {
      createInterface({ input: child[stream] }).on("line", (line) => {
        entry.lines.push(line);
        if (entry.lines.length > KEPT_LINES) entry.lines.shift();
        for (const listener of entry.listeners) listener(line);
        onLine(name, line, stream);
      });
    }
    running.add(entry);
    entry.exited.then(() => {
      if (!groupLives(child)) running.delete(entry);
    });
    return entry;
  }

  /** Runs a command to its end; rejects with what it said if that end is bad. */
  async function run(options) {
    const entry = launch(options);
    const end = await entry.exited;
    if (end !== "exit code 0") throw new ChildError(`${options.name} failed (${end})`, entry.lines);
  }

  /** Starts a server and waits until `ready(entry, signal)` resolves. */
  async function start({ ready, timeoutMs = 60_000, ...options }) {
    const entry = launch(options);
    const waiting = new AbortController();
    const timer = setTimeout(
      () =>
        waiting.abort(
          new ChildError(`${options.name} was not ready after ${timeoutMs / 1000} s`, entry.lines),
        ),
      timeoutMs,
    );
    const gone = entry.exited.then((end) => {
      const error = new ChildError(`${options.name} stopped by itself (${end})`, entry.lines);
      waiting.abort(error);
      if (!entry.stopping) reject(error);
      throw error;
    });
    gone.catch(() => undefined);
    try {
      await Promise.race([ready(entry, waiting.signal), gone, aborted(waiting.signal)]);
    } catch (error) {
      await stop(entry);
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return { child: entry.child, stop: () => stop(entry) };
  }

  function stop(entry) {
    entry.stopping ??= stopGroup(entry).finally(() => running.delete(entry));
    return entry.stopping;
  }

  /** Stops everything, the youngest first: what sends spans goes before what receives them. */
  async function stopAll() {
    closed = true;
    for (const entry of [...running].reverse()) await stop(entry);
  }

  /** The last resort: returns at once. */
  function killAll() {
    for (const entry of running) signalGroup(entry.child, "SIGKILL");
  }

  return { run, start, stopAll, killAll, died };
}

/** A `ready` that waits for a line of output. */
export function saysLine(pattern) {
  return (entry) =>
    new Promise((resolve) => {
      const listener = (line) => {
        if (!pattern.test(line)) return;
        entry.listeners.delete(listener);
        resolve();
      };
      entry.listeners.add(listener);
    });
}

async function stopGroup({ child, exited }) {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  signalGroup(child, "SIGTERM");
  await within(STOP_TIMEOUT_MS, exited);
  while (groupLives(child) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  if (!groupLives(child)) return;
  signalGroup(child, "SIGKILL");
  await within(1000, exited);
}

function signalGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    if (POSIX) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch (error) {
    // ESRCH: nobody left. EPERM (macOS): only zombies left.
    if (error.code !== "ESRCH" && error.code !== "EPERM") throw error;
  }
}

function groupLives(child) {
  if (child.pid === undefined) return false;
  if (!POSIX) return child.exitCode === null && child.signalCode === null;
  try {
    process.kill(-child.pid, 0);
    return true;
  } catch {
    return false;
  }
}

function describeExit(code, signal) {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

/** Waits for `promise`, but no longer than `timeoutMs`; leaves no timer behind. */
async function within(timeoutMs, promise) {
  let timer;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}

function aborted(signal) {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
