// What the system says of another process.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const isLinux = process.platform === "linux";

/** Whether a process stands still since a SIGSTOP. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export function isStopped(pid) {
  const state = isLinux ? readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1] : ask(pid, "state=");
  return state?.startsWith("T") === true;
}

/** Resident memory in bytes. */
export function memoryOf(pid) {
  if (!isLinux) return Number(ask(pid, "rss=")) * 1024;
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

function ask(pid, column) {
  return execFileSync("ps", ["-o", column, "-p", String(pid)], { encoding: "utf8" }).trim();
}
