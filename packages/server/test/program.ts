import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const room = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

/** What users get, built beside the room and run by plain `node`. */
export interface Packed {
  readonly folder: string;
  /** Runs a module that finds the package in `process.env.PACKED`; ended by {@link Packed.remove} at the latest. */
  start(source: string, env: Readonly<Record<string, string>>): Program;
  /** Ends whatever still runs. */
  killAll(): void;
  remove(): Promise<void>;
}

export interface Program {
  readonly process: ChildProcess;
  /** Standard output and error, as far as they have come. */
  readonly output: () => string;
  readonly exited: Promise<unknown[]>;
  /** As `exited`, when the last of the output has come too. */
  readonly closed: Promise<unknown[]>;
  /** Resolves with the first match in the output. */
  readonly says: (pattern: RegExp) => Promise<string>;
}

export async function buildPacked(name: string): Promise<Packed> {
  const folder = join(room, "node_modules", name);
  const running = new Set<ChildProcess>();
  await run(process.execPath, ["build.mjs", folder], { cwd: room });
  const killAll = (): void => {
    for (const child of running) child.kill("SIGKILL");
  };
  return {
    folder,
    killAll,
    start(source, env): Program {
      const program = startProgram(source, { PACKED: folder, ...env });
      running.add(program.process);
      program.process.once("exit", () => running.delete(program.process));
      return program;
    },
    async remove() {
      killAll();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startProgram(source: string, env: Readonly<Record<string, string>>): Program {
  const started = spawn(process.execPath, ["--expose-gc", "--input-type=module", "--eval", source], {
    cwd: room,
    env: { NODE_ENV: "test", PATH: process.env.PATH, ...env },
  });
  let output = "";
  for (const stream of [started.stdout, started.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const says = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`the program ended without ${pattern}:\n${output}`));
      const look = (): void => {
        const match = pattern.exec(output);
        if (!match) return;
        started.stdout?.removeListener("data", look);
        started.removeListener("exit", ended);
        resolve(match[1] ?? match[0]);
      };
      started.stdout?.on("data", look);
      started.once("exit", ended);
      look();
    });
  return {
    process: started,
    output: () => output,
    exited: once(started, "exit"),
    closed: once(started, "close"),
    says,
  };
}
