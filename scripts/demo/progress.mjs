// Steps with their elapsed time: one live line on a terminal, plain lines anywhere else.
const PLAIN_INTERVAL_MS = 10_000;
const LIVE_INTERVAL_MS = 100;
const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

/** `step(doing, done, action)` shows an action while it runs and passes its result on. */
export function createProgress(stream) {
  const live = Boolean(stream.isTTY);
  const running = new Map();
  let timer;
  let frame = 0;

  function draw() {
    if (!live) {
      for (const [doing, from] of running) stream.write(`  … ${doing} (${seconds(from)})\n`);
      return;
    }
    if (running.size === 0) return;
    const texts = [...running].map(([doing, from]) => `${doing} ${seconds(from)}`);
    const line = `  ${SPINNER[frame++ % SPINNER.length]} ${texts.join(" · ")}`;
    stream.write(`\r\u001b[K${line.slice(0, (stream.columns ?? 80) - 1)}`);
  }

  function write(line) {
    stream.write(live ? `\r\u001b[K${line}\n` : `${line}\n`);
    if (live) draw();
  }

  async function step(doing, done, action) {
    const from = Date.now();
    running.set(doing, from);
    timer ??= setInterval(draw, live ? LIVE_INTERVAL_MS : PLAIN_INTERVAL_MS);
    if (!live) stream.write(`  … ${doing}\n`);
    try {
      const result = await action();
      running.delete(doing);
      write(`  ✓ ${typeof done === "function" ? done(result) : done} (${seconds(from)})`);
      return result;
    } finally {
      running.delete(doing);
      if (running.size === 0) stop();
    }
  }

  function stop() {
    clearInterval(timer);
    timer = undefined;
    running.clear();
    if (live) stream.write("\r\u001b[K");
  }

  return { step, write, stop };
}

function seconds(from) {
  return `${((Date.now() - from) / 1000).toFixed(1)} s`;
}
