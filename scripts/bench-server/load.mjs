// Sends requests to the measured servers, from a process of its own: `{ url, count }` in, `{ failed }` out.
import { Agent, get } from "node:http";

const CONCURRENCY = 4;
const agents = new Map();

function request(url, agent) {
  return new Promise((resolve) => {
    get(url, { agent }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200));
      response.once("error", () => resolve(false));
    }).once("error", () => resolve(false));
  });
}

process.on("message", async ({ url, count }) => {
  const { origin } = new URL(url);
  const agent = agents.get(origin) ?? new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  agents.set(origin, agent);
  let left = count;
  let failed = 0;
  const work = async () => {
    while (left-- > 0) if (!(await request(url, agent))) failed++;
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  process.send({ failed });
});
process.on("disconnect", () => process.exit());
