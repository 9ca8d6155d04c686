import { diag } from "@opentelemetry/api";
import { USER_ID } from "@throughline/core/attributes";
import { USER, userDoor } from "./user-door.ts";

/** What the app wants to be told of its visitor. */
export interface TracedUser {
  /** As the app knows them, best an id that tells nothing by itself. */
  readonly id: string;
  readonly [attribute: string]: string;
}

const MAX_LENGTH = 256;

/**
 * Says who the visitor is, on every span from now on as `user.id` and `user.` with each other name; `undefined` ends
 * that. Texts of up to 256 characters; anything else is left out and told once to OpenTelemetry's `diag`.
 */
export function setUser(user: TracedUser | undefined): void {
  const entries = Object.entries(user ?? {});
  const good = entries.filter(([, value]) => isGood(value));
  const left = entries.filter((entry) => !good.includes(entry)).map(([name]) => name);
  if (left.length > 0)
    diag.warn(
      `@throughline/web: setUser leaves out ${left.join(", ")}: expected texts of 1 to ${MAX_LENGTH} characters`,
    );
  userDoor[USER] = user && Object.fromEntries(good.map(([name, value]) => [attributeOf(name), value]));
}

function attributeOf(name: string): string {
  return name === "id" ? USER_ID : `user.${name}`;
}

function isGood(value: unknown): boolean {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH;
}
