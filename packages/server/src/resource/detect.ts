import { randomUUID } from "node:crypto";
import { arch, hostname, platform, release } from "node:os";
import { basename } from "node:path";
import type { Attributes } from "@opentelemetry/api";
import type { Env } from "@throughline/core";
import * as names from "@throughline/core/attributes";
import { readHostFile } from "../read-host-file.ts";
import type { ResourceDetector } from "../settings-table.ts";
import { containerId } from "./container.ts";
import { kubernetesAttributes, vercelAttributes } from "./platform.ts";

/**
 * What can be told about this process and its place without a network, a child process or a wait.
 * A detector that fails tells nothing.
 */
export function detectResource(wanted: readonly ResourceDetector[], env: Env): Attributes {
  const attributes: Attributes = {};
  for (const [name, detect] of Object.entries(DETECTORS)) {
    if (!wanted.includes("all") && !wanted.includes(name as ResourceDetector)) continue;
    try {
      Object.assign(attributes, detect(env));
    } catch {
      // A resource with less in it is still one.
    }
  }
  return attributes;
}

const DETECTORS: Readonly<
  Record<Exclude<ResourceDetector, "all" | "none" | "env">, (env: Env) => Attributes>
> = {
  process: processAttributes,
  host: hostAttributes,
  os: () => ({ [names.OS_TYPE]: OS_TYPES[platform()] ?? platform(), [names.OS_VERSION]: release() }),
  container: () => {
    const id = containerId();
    return id === "" ? {} : { [names.CONTAINER_ID]: id };
  },
  vercel: vercelAttributes,
  kubernetes: kubernetesAttributes,
  serviceinstance: () => ({ [names.SERVICE_INSTANCE_ID]: randomUUID() }),
};

// Neither arguments nor owner: the first may hold secrets, the second is a person.
function processAttributes(): Attributes {
  return {
    [names.PROCESS_PID]: process.pid,
    [names.PROCESS_EXECUTABLE_NAME]: basename(process.execPath),
    [names.PROCESS_RUNTIME_NAME]: "nodejs",
    [names.PROCESS_RUNTIME_VERSION]: process.versions.node,
  };
}

function hostAttributes(): Attributes {
  return { [names.HOST_NAME]: hostname(), [names.HOST_ARCH]: ARCHITECTURES[arch()] ?? arch(), ...hostId() };
}

/** https://www.freedesktop.org/software/systemd/man/latest/machine-id.html; other systems start a program for theirs. */
function hostId(): Attributes {
  if (platform() !== "linux") return {};
  try {
    const id = readHostFile("/etc/machine-id", 64).trim();
    return /^[0-9a-f]{32}$/.test(id) ? { [names.HOST_ID]: id } : {};
  } catch {
    return {};
  }
}

// The conventions' words where Node has others.
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm: "arm32",
  ia32: "x86",
  ppc: "ppc32",
};
const OS_TYPES: Readonly<Record<string, string>> = { win32: "windows", sunos: "solaris" };
