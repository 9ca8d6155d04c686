/** Sent with everything that is not an OTLP answer. */
export const SAFE_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
} as const;

export function jsonResponse(value: unknown, status = 200): Response {
  return Response.json(value, { status, headers: SAFE_HEADERS });
}

export type ErrorCode =
  | "bad_request"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "wrong_host"
  | "not_built"
  | "internal";

/** `{code, message}`, the body of every error outside OTLP. */
export function errorResponse(status: number, code: ErrorCode, message: string): Response {
  return jsonResponse({ code, message: `throughline: ${message}` }, status);
}
