import { readHostFile } from "../read-host-file.ts";

/** Lists of mounts can be long on machines with many volumes; ours is among the first. */
const MAX_BYTES = 64 * 1024;

/**
 * The id of the container this process runs in, as `docker ps --no-trunc` shows it; empty outside of one.
 * With cgroup v1 it ends a path in /proc/self/cgroup. With v2 that file says only "/", and the id is in the place
 * that the runtime has mounted /etc/hostname from.
 */
export function containerId(read: (path: string) => string = readBounded): string {
  return idOfCgroup(read("/proc/self/cgroup")) || idOfMounts(read("/proc/self/mountinfo"));
}

function readBounded(path: string): string {
  try {
    return readHostFile(path, MAX_BYTES);
  } catch {
    // Another system than Linux, or a sandbox without /proc.
    return "";
  }
}

function idOfCgroup(text: string): string {
  for (const line of text.split("\n")) {
    // `12:pids:/kubepods/besteffort/pod…/<id>`, `0::/system.slice/docker-<id>.scope`, `…/cri-containerd-<id>.scope`
    const found = /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?$/.exec(line.trim());
    if (found?.[1]) return found[1];
  }
  return "";
}

function idOfMounts(text: string): string {
  for (const line of text.split("\n")) {
    if (!/ \/etc\/(hostname|hosts|resolv\.conf) /.test(line)) continue;
    // `/var/lib/docker/containers/<id>/hostname`, `…/overlay-containers/<id>/userdata/hostname`; the sandbox of a pod
    // is no container of the app.
    const found = /(?<!sandboxes)\/([0-9a-f]{64})\//.exec(line);
    if (found?.[1]) return found[1];
  }
  return "";
}
