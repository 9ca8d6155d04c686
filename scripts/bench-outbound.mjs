// What our outbound instruments cost a request, beside upstream's: CPU time of the calling process by its own
// accounting. The variants take turns, so compare the differences; the microseconds are those of this machine.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { median } from "./figures.mjs";

const ROUNDS = Number(process.argv[2] ?? 9);
const REQUESTS = 2_000;

const room = fileURLToPath(new URL("../packages/server/", import.meta.url));
const bundled = `${room}node_modules/.bench-outbound.mjs`;
await build({
  entryPoints: [`${room}src/outbound/outbound.ts`],
  outfile: bundled,
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
});

const server = createServer((request, response) => {
  request.resume();
  response.setHeader("content-type", "application/json").end('{"available":5}');
});
await once(server.listen(0, "127.0.0.1"), "listening");
const origin = `http://127.0.0.1:${server.address().port}`;

async function start(way, variant, share) {
  const child = fork(new URL("bench-outbound/client.mjs", import.meta.url), [origin, way, variant, share], {
    execArgv: ["--expose-gc"],
    env: { ...process.env, OURS: bundled },
  });
  await once(child, "message");
  const run = async (count) => {
    child.send(count);
    return (await once(child, "message"))[0];
  };
  await run(REQUESTS * 2);
  return { name: variant, run, child, costs: [] };
}

for (const way of ["fetch", "http.request"]) {
  for (const share of ["sampled", "unsampled"]) {
    const variants = [];
    for (const variant of ["none", "upstream", "ours"]) variants.push(await start(way, variant, share));
    for (let round = 0; round < ROUNDS; round++)
      for (const each of variants) each.costs.push(await each.run(REQUESTS));
    const none = median(variants[0].costs);
    for (const { name, costs, child } of variants) {
      const cost = median(costs);
      const more = name === "none" ? "" : `  +${(cost - none).toFixed(1)} µs`;
      console.log(
        `${way.padEnd(13)} ${share.padEnd(10)} ${name.padEnd(9)} ${cost.toFixed(1).padStart(6)} µs${more}`,
      );
      child.kill();
    }
  }
}
server.close();
server.closeAllConnections();
