import { gunzipSync } from "node:zlib";

export interface Telemetry {
  readonly contentType: string;
  /** Uncompressed. */
  readonly body: Uint8Array;
  /** The body parsed, where it is JSON. */
  readonly json?: object;
}

/** Why a post is not taken. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "Refusal";
    this.status = status;
  }
}

const TYPES = ["application/json", "application/x-protobuf"];

/**
 * Reads one OTLP post, never more than `maxBytes` of it, before and after decompression.
 * @throws Refusal with the HTTP status to answer.
 */
export async function readTelemetry(request: Request, maxBytes: number): Promise<Telemetry> {
  const contentType = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!TYPES.includes(contentType)) {
    throw new Refusal(
      415,
      `content-type ${JSON.stringify(contentType)} is not OTLP; send ${TYPES.join(" or ")}`,
    );
  }
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") {
    throw new Refusal(415, `content-encoding ${JSON.stringify(encoding)} is not known; send gzip or none`);
  }
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const sent = await readAtMost(request, maxBytes);
  const body = encoding === "gzip" ? unzip(sent, maxBytes) : sent;
  return contentType === "application/json"
    ? { contentType, body, json: parseJson(body) }
    : { contentType, body };
}

async function readAtMost(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the stream, so that the rest of a huge post is never taken in.
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unzip(body: Uint8Array, maxBytes: number): Uint8Array {
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    throw isTooLarge ? tooLarge(maxBytes) : new Refusal(400, "the gzip body is broken");
  }
}

function parseJson(body: Uint8Array): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal(400, "the body is not a JSON object");
  }
  return value;
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal(413, `the body is larger than ${maxBytes / 2 ** 20} MiB; send smaller batches`);
}
