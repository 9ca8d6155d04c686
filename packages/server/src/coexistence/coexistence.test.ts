import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// The real packages, each beside ours in a process of its own; what comes out is the table of the documentation.
const script = fileURLToPath(new URL("../../test-data/beside-another.mjs", import.meta.url));
const page = readFileSync(new URL("../../../../docs/server/coexistence.md", import.meta.url), "utf8");

interface SentSpan {
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

interface Result {
  readonly ours: string;
  readonly theirs: string;
  readonly told: string;
}

const table = page
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
  .filter(([, product = ""]) => product.startsWith("@"))
  .map(([, product = "", order = "", mode = "", ours = "", theirs = "", told = ""]) => ({
    product,
    order,
    mode,
    expected: { ours, theirs, told },
  }));

/** Serves one request in a process that is traced twice. */
async function runBeside(
  product: string,
  order: string,
  mode: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const sent: SentSpan[] = [];
  const collector = createServer(async (request, response) => {
    const { resourceSpans = [] } = JSON.parse(await text(request)) as {
      resourceSpans?: { scopeSpans: { spans: SentSpan[] }[] }[];
    };
    sent.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)));
    response.setHeader("content-type", "application/json").end("{}");
  });
  await once(collector.listen(0, "127.0.0.1"), "listening");
  const child = spawn(process.execPath, [script, product, order, mode === "–" ? "" : mode], {
    env: {
      ...process.env,
      OTEL_ENABLED: "true",
      OTEL_TRACES_SAMPLER_ARG: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      ...env,
    },
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  collector.close();
  const [, theirs] = /^THEIRS (.*)$/m.exec(out) ?? expect.fail(`the process ended early: ${out}${err}`);
  return {
    ours: chain(sent),
    theirs: [...new Set((JSON.parse(theirs ?? "[]") as string[]).map(withoutPlace))].join(", ") || "–",
    told: toldOf(err + out),
  };
}

/** The span that the app made in the request, below all that are above it; `…` stands for one that was not sent. */
function chain(sent: readonly SentSpan[]): string {
  const byId = new Map(sent.map((span) => [span.spanId, span]));
  let span = sent.find(({ name }) => name === "ours");
  const names: string[] = [];
  while (span) {
    names.unshift(span.name);
    const { parentSpanId } = span;
    span = byId.get(parentSpanId ?? "");
    if (parentSpanId && !span) names.unshift("…");
  }
  return names.join(" › ") || "–";
}

/** Its name holds the address, whose port is another each time. */
function withoutPlace(name: string): string {
  return name.replace(/ (http:|127\.).*/, "");
}

function toldOf(log: string): string {
  const sentences = {
    "stays off": /tracing stays off: .*registered OpenTelemetry before/,
    replaced: /mode "own" replaces it/,
    joined: /mode "join": the spans of/,
    "came second": /wanted to register OpenTelemetry too/,
  };
  return (
    Object.entries(sentences)
      .filter(([, pattern]) => pattern.test(log))
      .map(([name]) => name)
      .join(", ") || "–"
  );
}

test("the table has each product in both orders and each mode", () => {
  const rows = new Set(table.map(({ product, order, mode }) => `${product} ${order} ${mode}`));
  expect(rows.size).toBe(2 * 2 * 4 + 2);
});

test.each(table)(
  "$product, $order, mode $mode",
  async ({ product, order, mode, expected }) => {
    expect(await runBeside(product, order, mode)).toEqual(expected);
  },
  60_000,
);

test("who comes second is told where OpenTelemetry's diagnostics are printed too", async () => {
  // Not @vercel/otel, which reads the variable too and takes the diagnostics over before it registers.
  const row = table.find(
    ({ product, expected }) => product === "@sentry/node" && expected.told === "came second",
  );
  const { product, order, mode, expected } = row ?? expect.fail("Sentry never comes second in the table");
  expect(await runBeside(product, order, mode, { OTEL_LOG_LEVEL: "debug" })).toEqual(expected);
}, 60_000);
