import { isSecretName } from "@throughline/core";

export const REDACTED = "REDACTED";

const REMEMBERED = 1000;
/** By name: there are dozens of them, and each comes with every span. */
const known = new Map<string, boolean>();

/** Whether a value is not to leave because of its name: a text or number that is called a password. */
export function isSecret(name: string, value: unknown): boolean {
  return ((typeof value === "string" && value !== "") || typeof value === "number") && isNamed(name);
}

function isNamed(name: string): boolean {
  const found = known.get(name);
  if (found !== undefined) return found;
  if (known.size >= REMEMBERED) known.clear();
  const isNamedSo = isSecretName(name);
  known.set(name, isNamedSo);
  return isNamedSo;
}
