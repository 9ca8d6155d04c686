import {
  EXCEPTION_EVENT,
  EXCEPTION_MESSAGE,
  JOB_NAME,
  PAGE_ROUTE,
  SCRIPT_INVOKER,
  URL_FULL,
  WEB_VITAL_NAME,
  WEB_VITAL_RATING,
  WEB_VITAL_VALUE,
} from "./attributes.ts";
import type { SpanShape } from "./span-record.ts";

type Noted = Pick<SpanShape<unknown>, "name" | "kind" | "attributes" | "status" | "events">;

const MAX_NOTE = 200;

/**
 * What tells this span from others of the same label: the message of an error, the file of a resource, value and rating
 * of a web vital. Names stay few, so that backends can group by them; what differs is in the attributes.
 */
export function spanNote(span: Noted): string | undefined {
  const note = messageOf(span) ?? vitalOf(span) ?? fileOf(span) ?? named(span);
  const line = note?.split("\n", 1)[0]?.trim();
  if (line === undefined || line === "") return undefined;
  return line.length > MAX_NOTE ? `${line.slice(0, MAX_NOTE - 1)}…` : line;
}

function messageOf({ status, events }: Noted): string | undefined {
  if (status.code !== "error") return undefined;
  if (status.message) return status.message;
  const exception = events.findLast((event) => event.name === EXCEPTION_EVENT);
  return text(exception?.attributes[EXCEPTION_MESSAGE]);
}

function vitalOf({ attributes }: Noted): string | undefined {
  const value = attributes[WEB_VITAL_VALUE];
  if (typeof value !== "number") return undefined;
  const rating = text(attributes[WEB_VITAL_RATING])?.replaceAll("-", " ");
  const size = attributes[WEB_VITAL_NAME] === "cls" ? String(Number(value.toFixed(3))) : printMs(value);
  return rating === undefined ? size : `${size} ${rating}`;
}

function printMs(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(2))} s`;
}

function fileOf({ name, attributes }: Noted): string | undefined {
  if (!name.startsWith("resource ")) return undefined;
  const [, place, path] = /^\w+:\/\/([^/?#]+)([^?#]*)/.exec(text(attributes[URL_FULL]) ?? "") ?? [];
  return path?.split("/").at(-1) || (place && `${place}${path}`);
}

/** The kind of a job, the route of a page, what called a slow script. */
function named({ name, attributes }: Noted): string | undefined {
  // Every span of a page has its route.
  const route = name === "page load" ? text(attributes[PAGE_ROUTE]) : undefined;
  return text(attributes[JOB_NAME]) ?? text(attributes[SCRIPT_INVOKER]) ?? route;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
