// Loaded into every measured server alike: on SIGUSR2 it prints what the process itself knows of its cost.
// Under `--expose-gc` also what is left after a collection.
process.on("SIGUSR2", () => {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const after = globalThis.gc ? collected() : undefined;
  process.stdout.write(`bench-probe ${JSON.stringify({ cpuUs: user + system, rss, heapUsed, after })}\n`);
});

function collected() {
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heapUsed, external };
}
