import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorResponse, SAFE_HEADERS } from "./json-response.ts";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  map: "application/json",
};

// Span names are written by whoever sends spans; no inline script means none of them can ever run.
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Answers `/`, `/trace/{id}` and `/assets/*` from the viewer's built files. */
export async function answerViewer(directory: string, request: Request, url: URL): Promise<Response> {
  const file = fileOf(url.pathname);
  if (file === undefined) {
    return errorResponse(
      404,
      "not_found",
      `there is no ${url.pathname}; the trace list is at ${url.origin}/`,
    );
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    const refused = errorResponse(405, "method_not_allowed", `${request.method} ${url.pathname}: use GET`);
    refused.headers.set("allow", "GET, HEAD");
    return refused;
  }
  const content = await readFile(join(directory, file)).catch(() => undefined);
  if (content === undefined) return missing(file, url);
  const headers = {
    ...SAFE_HEADERS,
    "cache-control": "no-cache",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "content-type": TYPES[file.slice(file.lastIndexOf(".") + 1)] ?? "application/octet-stream",
    "content-length": String(content.length),
  };
  return new Response(request.method === "HEAD" ? null : content, { headers });
}

// Only names that a build writes: no dot files, no "..", no type that is not listed.
function fileOf(path: string): string | undefined {
  // The viewer says what is wrong with an id that is none.
  if (path === "/" || /^\/trace\/[^/]+\/?$/.test(path)) return "index.html";
  return /^\/assets\/((?:[\w-]+\/)*\w[\w-]*(?:\.[\w-]+)*\.(?:js|css|svg|map))$/.exec(path)?.[1];
}

function missing(file: string, url: URL): Response {
  if (file !== "index.html") return errorResponse(404, "not_found", `there is no ${url.pathname}`);
  return errorResponse(
    503,
    "not_built",
    "the viewer is not built; run npm run build. Spans are stored all the same",
  );
}
