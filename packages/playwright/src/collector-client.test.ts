import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { OTHER_TRACE, TRACE } from "../test-data/order-trace.ts";
import { startCollectorClient } from "./collector-client.ts";

async function serve(listener: RequestListener): Promise<{ url: string; stop: () => void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

// The query API with one trace whose answers are counted.
async function fakeCollector(): Promise<{
  url: string;
  stop: () => void;
  asked: string[];
  push: (event: unknown) => void;
}> {
  const asked: string[] = [];
  let push: (event: unknown) => void = () => undefined;
  const { url, stop } = await serve((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    if (path === "/api/stream") {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": hello\n\n");
      push = (event) => response.write(`event: spans\ndata: ${JSON.stringify(event)}\n\n`);
    } else if (path === `/api/traces/${OTHER_TRACE}`) response.writeHead(404).end("{}");
    else response.end(JSON.stringify({ traces: [{ traceId: TRACE }], spans: [] }));
  });
  return { url, stop, asked, push: (event) => push(event) };
}

test("what answers there but is no collector is refused with the cure", async () => {
  const { url } = await serve((_, response) => response.writeHead(404).end());
  await expect(startCollectorClient(url)).rejects.toThrow(
    /not a Throughline collector.*npx throughline-collector.*THROUGHLINE_COLLECTOR_URL/,
  );
});

test("a refused address says so and names the cure, whatever the name of the host", async () => {
  const { url, stop } = await serve(() => undefined);
  stop();
  const refused = startCollectorClient(url.replace("127.0.0.1", "localhost"));
  await expect(refused).rejects.toThrow(
    /no collector at http:\/\/localhost:\d+ \(ECONNREFUSED\).*where it runs$/,
  );
});

test("a trace is read once until the collector says it changed", async () => {
  const { url, asked, push } = await fakeCollector();
  const client = await startCollectorClient(url);
  onTestFinished(() => client.stop());
  const reads = (): number => asked.filter((path) => path === `/api/traces/${TRACE}`).length;
  await client.document(TRACE);
  await client.document(TRACE);
  expect(reads()).toBe(1);
  const told = new Promise<readonly string[]>((resolve) => client.subscribe(resolve));
  push({ traceIds: [TRACE], spanCount: 1 });
  expect(await told).toEqual([TRACE]);
  await client.document(TRACE);
  client.refresh();
  await client.document(TRACE);
  expect(reads()).toBe(3);
});

test("a trace that is not there yet is asked for again", async () => {
  const { url, asked } = await fakeCollector();
  const client = await startCollectorClient(url);
  onTestFinished(() => client.stop());
  expect(await client.document(OTHER_TRACE)).toBeUndefined();
  expect(await client.document(OTHER_TRACE)).toBeUndefined();
  expect(asked.filter((path) => path.endsWith(OTHER_TRACE)).length).toBe(2);
});

test("a collector that goes away is told, and stays lost", async () => {
  const { url, stop } = await fakeCollector();
  const client = await startCollectorClient(url);
  client.assertAlive();
  const told = new Promise((resolve) => client.subscribe(resolve));
  stop();
  await told;
  expect(() => client.assertAlive()).toThrow(/lost the collector at http.*can be decided/);
  await expect(client.traceIdsOf("x")).rejects.toThrow(/is the collector still running/);
});

test("stopping the client is not losing the collector", async () => {
  const { url } = await fakeCollector();
  const client = await startCollectorClient(url);
  client.stop();
  await expect(client.traceIdsOf("x")).resolves.toEqual([TRACE]);
  client.assertAlive();
});
