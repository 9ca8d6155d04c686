/** What the collector did not take of a batch that it answered with success. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

const NOTHING: PartialSuccess = { rejected: 0, message: "" };

/** Reads an `ExportTraceServiceResponse`; what cannot be read counts as full success, as the status said. */
export function readPartialSuccess(contentType: string, body: Buffer): PartialSuccess {
  if (body.length === 0) return NOTHING;
  try {
    return contentType.includes("json") ? partialOfJson(body) : partialOfProtobuf(body);
  } catch {
    return NOTHING;
  }
}

/** The text of a `google.rpc.Status`, or the first line of a text that is none; empty where there is nothing to show. */
export function readErrorMessage(contentType: string, body: Buffer): string {
  try {
    if (contentType.includes("json")) return firstLine(textAt(JSON.parse(body.toString()), "message"));
    if (contentType.includes("protobuf")) return firstLine(bytesOf(body, 2).toString());
  } catch {
    return "";
  }
  // Not HTML: an error page tells nothing in its first line.
  return contentType.startsWith("text/plain") ? firstLine(body.toString()) : "";
}

/** The delay of a `google.rpc.RetryInfo` in `grpc-status-details-bin`; `undefined` without one. */
export function readRetryDelayMs(status: Buffer): number | undefined {
  try {
    // Status.details[] = Any { type_url = 1, value = 2 }; RetryInfo.retry_delay = 1; Duration { seconds = 1, nanos = 2 }.
    for (const [field, detail] of readFields(status)) {
      if (field !== 3 || typeof detail === "number") continue;
      if (!bytesOf(detail, 1).toString().endsWith("/google.rpc.RetryInfo")) continue;
      const duration = bytesOf(bytesOf(detail, 2), 1);
      return numberOf(duration, 1) * 1000 + numberOf(duration, 2) / 1e6;
    }
  } catch {
    // A broken hint is no hint.
  }
  return undefined;
}

function partialOfProtobuf(body: Buffer): PartialSuccess {
  const partial = bytesOf(body, 1);
  return { rejected: numberOf(partial, 1), message: firstLine(bytesOf(partial, 2).toString()) };
}

const REJECTED = ["rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"];

function partialOfJson(body: Buffer): PartialSuccess {
  const answer: unknown = JSON.parse(body.toString());
  const partial = isObject(answer) ? answer.partialSuccess : undefined;
  if (!isObject(partial)) return NOTHING;
  // A 64-bit number, which JSON may hold as text.
  return {
    rejected: Number(REJECTED.map((name) => partial[name]).find((count) => count !== undefined)) || 0,
    message: firstLine(textAt(partial, "errorMessage")),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function textAt(value: unknown, key: string): string {
  const found = isObject(value) ? value[key] : undefined;
  return typeof found === "string" ? found : "";
}

/** Whole: who tells it cuts it, when the keys in it are gone. */
export function firstLine(text: string): string {
  return text.trim().split(/[\r\n]/, 1)[0] ?? "";
}

function bytesOf(message: Buffer, wanted: number): Buffer {
  for (const [field, value] of readFields(message))
    if (field === wanted && typeof value !== "number") return value;
  return message.subarray(0, 0);
}

function numberOf(message: Buffer, wanted: number): number {
  for (const [field, value] of readFields(message))
    if (field === wanted && typeof value === "number") return value;
  return 0;
}

/** The fields of a protobuf message: numbers of varints, bytes of all that has a length; the rest is passed over. */
function* readFields(message: Buffer): Generator<readonly [field: number, value: number | Buffer]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) {
      yield [Math.floor(tag / 8), varint()];
      continue;
    }
    const size = wire === 2 ? varint() : wire === 1 ? 8 : 4;
    if (wire === 2) yield [Math.floor(tag / 8), message.subarray(at, at + size)];
    at += size;
  }
}
