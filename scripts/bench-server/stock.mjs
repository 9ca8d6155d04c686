import { createServer } from "node:http";

/** Something to fetch, in the measuring script's own process. */
export async function startStock() {
  const server = createServer((_, response) =>
    response.setHeader("content-type", "application/json").end('{"available":42}'),
  );
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/stock`, stop: () => server.close() };
}
