/** For whoever watches the shop; makes no trace. */
export function GET(): Response {
  return new Response("ok");
}
