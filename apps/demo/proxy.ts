import { type NextRequest, NextResponse } from "next/server";

/** Gives every order page a request id, and sends the bare `/orders` back to the shop. */
export function proxy(request: NextRequest): NextResponse {
  if (request.nextUrl.pathname === "/orders") return NextResponse.redirect(new URL("/", request.url));
  const requestId = request.headers.get("x-request-id") ?? crypto.randomUUID();
  const headers = new Headers(request.headers);
  headers.set("x-request-id", requestId);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("x-request-id", requestId);
  return response;
}

export const config = { matcher: "/orders/:path*" };
