// Between the soaked server and the collector: reads the metrics as they pass.
import { createServer } from "node:http";

const DURATION = "http.server.request.duration";

/** A loopback server that hands OTLP/JSON metrics on and keeps the newest series of the request's duration. */
export async function startMetricsReader(collectorUrl) {
  const seen = { exports: 0, refused: 0, points: [] };
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const points = pointsOf(JSON.parse(body));
    seen.exports++;
    if (points.length > 0) seen.points = points;
    const headers = { "content-type": "application/json" };
    const status = await fetch(`${collectorUrl}/v1/metrics`, { method: "POST", headers, body }).then(
      (answer) => answer.status,
      () => 503,
    );
    if (status !== 200) seen.refused++;
    response.writeHead(status, headers).end("{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/v1/metrics`;
  return { url, seen, stop: () => server.close() };
}

/** One entry a series: its attributes and how many requests it counted. */
function pointsOf({ resourceMetrics = [] }) {
  return resourceMetrics
    .flatMap(({ scopeMetrics = [] }) => scopeMetrics)
    .flatMap(({ metrics = [] }) => metrics)
    .filter(({ name }) => name === DURATION)
    .flatMap(({ histogram }) => histogram.dataPoints)
    .map(({ attributes, count }) => ({
      count: Number(count),
      ...Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
    }));
}

/** Sentences about every series that is missing, doubled or of nothing that was asked for; none when all is well. */
export function faultsOf(points, requests) {
  const keyOf = (method, route, status) => `${method} ${route ?? "(no route)"} ${status}`;
  const expected = new Set(requests.map(({ method, route, status }) => keyOf(method, route, status)));
  const found = points.map((point) =>
    keyOf(point["http.request.method"], point["http.route"], point["http.response.status_code"]),
  );
  return [
    ...[...expected].filter((key) => !found.includes(key)).map((key) => `no series for ${key}`),
    ...found.filter((key) => !expected.has(key)).map((key) => `a series that nobody asked for: ${key}`),
    ...found.filter((key, index) => found.indexOf(key) !== index).map((key) => `two series for ${key}`),
  ];
}
