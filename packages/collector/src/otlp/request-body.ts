import { promisify } from "node:util";
import { gunzip } from "node:zlib";

/** The body cannot be taken; `status` is the HTTP status to answer with. */
export class BodyError extends Error {
  readonly status: 400 | 413 | 415;

  constructor(status: 400 | 413 | 415, message: string) {
    super(`throughline: ${message}`);
    this.name = "BodyError";
    this.status = status;
  }
}

const unzip = promisify(gunzip);

/**
 * The body, unzipped, never more than `maxBytes` of it in memory on either side of gzip.
 * @throws BodyError when it is larger, broken, or packed in another way.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const encoding = (request.headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (encoding !== "identity" && encoding !== "gzip") {
    throw new BodyError(415, `content-encoding ${encoding} is not supported; send gzip or none`);
  }
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const body = await readAll(request, maxBytes);
  return encoding === "gzip" ? unpack(body, maxBytes) : body;
}

async function readAll(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw tooLarge(maxBytes);
    }
    chunks.push(next.value);
  }
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length);
}

async function unpack(packed: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  if (packed.length === 0) return packed;
  try {
    return await unzip(packed, { maxOutputLength: maxBytes });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes);
    throw new BodyError(400, `the gzip body is broken (${message}); send it whole, or without gzip`);
  }
}

function tooLarge(maxBytes: number): BodyError {
  return new BodyError(
    413,
    `the body is larger than ${maxBytes / 2 ** 20} MiB after decompression; send smaller batches, or raise maxBodyBytes`,
  );
}
