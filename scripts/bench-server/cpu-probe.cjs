// Loaded into every measured server alike: on SIGUSR2 it prints what the process itself knows of its cost.
process.on("SIGUSR2", () => {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  process.stdout.write(`bench-probe ${JSON.stringify({ cpuUs: user + system, rss, heapUsed })}\n`);
});
