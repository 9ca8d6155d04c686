// `npm run demo` on a fresh clone: install, build, start, and a link for every trace. Ctrl-C stops it all.
const NODE_FLOOR = [20, 9];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor < NODE_FLOOR[1])) {
  console.error(
    `throughline: the demo needs Node.js ${NODE_FLOOR.join(".")} or newer, this is ${process.versions.node}; install a newer Node.js`,
  );
  process.exitCode = 1;
} else {
  // Loaded only now: an older Node.js would stop at an import with a stack trace.
  const { runDemo } = await import("./demo/run.mjs");
  process.exitCode = await runDemo(process.argv.slice(2));
}
