// One server that is compared with itself, turn by turn, between which nothing is under way.
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { intervalOf, percentile, resampled, verdict } from "../figures.mjs";
import { freePort } from "../ports.mjs";

/** What a measured server has to preload. */
export const TOGGLE = fileURLToPath(new URL("toggle.cjs", import.meta.url));

const CONNECTIONS = 4;
/** A turn. */
const CONSTANT_SECONDS = 5;
const SATURATED_REQUESTS = 100;

/** `requests` by name, of which `rate` are sent a second; each measurement takes `seconds` of turns that are "on". */
export function createTurns({ requests: named, rate, seconds, processes }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const requests = Object.values(named);

  function answer(url, { path, body, ...options }) {
    return new Promise((resolve, reject) => {
      const fail = (reason) => reject(new Error(`bench: ${url}${path}: ${reason}; see why it fails there`));
      request(url + path, { agent, ...options }, (response) => {
        response.resume();
        response.once("error", fail);
        response.once("end", () => (response.statusCode < 300 ? resolve() : fail(response.statusCode)));
      })
        .once("error", fail)
        .end(body);
    });
  }

  /** One turn: returns the milliseconds of each answer, from when its request was due, sent late or not. */
  async function constantTurn(url) {
    const times = [];
    const sent = [];
    const startMs = performance.now();
    for (let due = 0; due < CONSTANT_SECONDS * rate; due++) {
      const dueMs = startMs + (due * 1000) / rate;
      while (performance.now() < dueMs) await setTimeout(1);
      sent.push(
        answer(url, requests[due % requests.length]).then(() => times.push(performance.now() - dueMs)),
      );
    }
    await Promise.all(sent);
    return times;
  }

  /** As many as four connections carry that are never idle. */
  async function saturatedTurn(url, asked, count = SATURATED_REQUESTS) {
    const times = [];
    let left = count;
    const work = async () => {
      while (left-- > 0) {
        const sentMs = performance.now();
        await answer(url, asked[left % asked.length]);
        times.push(performance.now() - sentMs);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    return times;
  }

  function turnOf(load) {
    if (load === "constant") return constantTurn;
    const asked = load === "mixed" ? requests : [named[load]];
    return (url) => saturatedTurn(url, asked);
  }

  return {
    /** What `start` starts with an environment, as a server that takes its tracing off and puts it back as it is told to. */
    async start(start, endpoint) {
      const port = await freePort(0);
      const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, BENCH_TOGGLE_PORT: String(port) });
      const socket = connect(port, "127.0.0.1");
      const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
      /** Returns the processor time the server has taken so far. */
      const tell = async (command) => {
        socket.write(`${command}\n`);
        const { value, done } = await Promise.race([answers.next(), processes.died]);
        const told = done ? { error: "it has gone" } : JSON.parse(value);
        if (told.error) throw new Error(`bench: the server was told "${command}": ${told.error}`);
        return told.cpuUs;
      };
      return {
        ...server,
        tell,
        async stop() {
          socket.destroy();
          await server.stop();
        },
      };
    },

    async warmUp({ url, tell }, count) {
      // In their order: what is bought is looked at.
      for (const each of requests) await answer(url, each);
      for (const [state, part] of [
        ["on", count],
        ["off", count / 3],
        ["on", count / 3],
      ]) {
        await tell(state);
        await saturatedTurn(url, requests, part);
      }
    },

    /** Pairs of turns; either is first as often as the other. `turnTo` is what makes one "on" or "off". */
    async measure(server, load, turnTo = server.tell) {
      const turn = turnOf(load);
      const pairs = [];
      const take = async (state) => {
        const before = await turnTo(state);
        const startMs = performance.now();
        const times = await turn(server.url);
        const ms = performance.now() - startMs;
        const cpuUs = (await server.tell("settle")) - before;
        return { times, ms, cpuUs };
      };
      for (let onMs = 0; onMs < seconds * 1000; ) {
        const pair = {};
        for (const state of pairs.length % 2 === 0 ? ["on", "off"] : ["off", "on"])
          pair[state] = await take(state);
        onMs += pair.on.ms;
        pairs.push(pair);
      }
      return pairs;
    },

    stop: () => agent.destroy(),
  };
}

const times = (pairs, state) => pairs.flatMap((pair) => pair[state].times);
const cpu = (pairs, state) =>
  pairs.reduce((sum, pair) => sum + pair[state].cpuUs, 0) /
  pairs.reduce((sum, pair) => sum + pair[state].times.length, 0);

const FIGURES = {
  cpu: { unit: "µs", of: cpu },
  p50: { unit: "ms", of: (pairs, state) => percentile(times(pairs, state), 0.5) },
  p99: { unit: "ms", of: (pairs, state) => percentile(times(pairs, state), 0.99) },
};

/** Prints what is "on" over what is "off"; a goal that is surely missed fails the run. */
export function report(title, pairs, goals = {}) {
  console.log(`${title}: ${pairs.length} pairs, ${times(pairs, "on").length} answers each`);
  for (const [key, { unit, of }] of Object.entries(FIGURES)) {
    const ratioOf = (some) => of(some, "on") / of(some, "off");
    const interval = intervalOf(() => ratioOf(resampled(pairs)));
    const [from, to] = interval.map((each) => each.toFixed(3));
    const goal = goals[key];
    const more = of(pairs, "on") - of(pairs, "off");
    console.log(
      [
        `  ${key} ${of(pairs, "off").toFixed(unit === "ms" ? 2 : 0)} ${unit}`,
        `${more < 0 ? "" : "+"}${more.toFixed(unit === "ms" ? 2 : 0)}`,
        `×${ratioOf(pairs).toFixed(3)} (95 %: ${from} – ${to})`,
        goal ? `at most ${goal}: ${verdict(goal, interval)}` : "",
      ].join("  "),
    );
  }
}
