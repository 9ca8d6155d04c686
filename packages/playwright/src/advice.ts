import type { Evidence, Outcome } from "./evidence.ts";
import { isBrowserSpan } from "./match.ts";

/** Why there is no trace at all, as far as the wire and the flush tell, and what to do. */
export function explainNothing({ wire, barrier, collectorUrl }: Evidence): string {
  const [first] = wire;
  if (!first)
    return "No trace: the callback made no request, and no span of this test arrived. A click that starts nothing makes no trace. Only what a page sends is seen: not page.request, not the fixture request, and no page of a context of your own before otel.watch(context).";
  const requests = `${wire.length} request${wire.length === 1 ? "" : "s"} on the wire`;
  if (barrier && barrier.busy.length > 0)
    return `No trace yet: ${requests}, ${barrier.busy.length} without an answer, and a span is sent when it has ended.`;
  const app =
    wire.find(({ pageOrigin }) => pageOrigin !== undefined)?.pageOrigin ?? new URL(first.url).origin;
  return `No trace: ${requests}, but no span of this test arrived. Is tracing on (OTEL_ENABLED=true at build and at run), and does the app export to this collector, ${collectorUrl}? "npx throughline doctor ${app}" names the first step that is broken.`;
}

/** What helps where time was too short, or the page has no tracer; `undefined`: more time or another build would not help. */
export function adviseWait(
  state: Outcome<unknown>["state"],
  { barrier, wire, trees }: Evidence,
): string | undefined {
  if (state !== "timeout" || !barrier) return undefined;
  if (barrier.busy.length > 0)
    return "wait for the answer: { timeout: … } as last argument of the assertion, or expect.timeout of the config, in milliseconds";
  const isSeen = trees.some((tree) => tree.nodes.some(isBrowserSpan));
  const isSilent = barrier.flushedPages === 0 && barrier.unflushedPages.length > 0;
  if (isSilent && wire.length > 0 && !isSeen)
    return "see that the page is traced: OTEL_ENABLED=true at next build and withTracing in next.config, which put the tracer into it";
  return undefined;
}
