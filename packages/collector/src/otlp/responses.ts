/** How a request was encoded; its answer is encoded the same way. */
export type Encoding = "json" | "protobuf";

export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  json: "application/json",
  protobuf: "application/x-protobuf",
};

/** Codes of `google.rpc.Status`, the ones an OTLP receiver answers with. */
export const RPC = {
  ok: 0,
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** What was refused of a request that as a whole succeeded. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/** An `Export<Signal>ServiceResponse`; without `partial` the field stays unset, as full success demands. */
export function encodeSuccess(
  encoding: Encoding,
  rejectedField: "rejectedSpans" | "rejectedLogRecords" | "rejectedDataPoints",
  partial: PartialSuccess | undefined,
): Uint8Array {
  if (encoding === "json") {
    return jsonBytes(
      partial === undefined
        ? {}
        : { partialSuccess: { [rejectedField]: String(partial.rejected), errorMessage: partial.message } },
    );
  }
  if (partial === undefined) return new Uint8Array(0);
  const inner = [...varintField(1, partial.rejected), ...textField(2, partial.message)];
  return Uint8Array.from([...varintBytes(1 * 8 + 2), ...varintBytes(inner.length), ...inner]);
}

/** A `google.rpc.Status`, the body of every OTLP error. */
export function encodeStatus(encoding: Encoding, code: number, message: string): Uint8Array {
  if (encoding === "json") return jsonBytes({ code, message });
  return Uint8Array.from([...varintField(1, code), ...textField(2, message)]);
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function varintField(field: number, value: number): readonly number[] {
  return value === 0 ? [] : [...varintBytes(field * 8), ...varintBytes(value)];
}

function textField(field: number, text: string): readonly number[] {
  const encoded = new TextEncoder().encode(text);
  return [...varintBytes(field * 8 + 2), ...varintBytes(encoded.length), ...encoded];
}

function varintBytes(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}
