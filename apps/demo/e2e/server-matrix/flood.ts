import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";

export interface Sent {
  readonly url: string;
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
}

const CONCURRENCY = 24;

/** Sends requests as fast as they are answered; each response is heard when it is over. */
export async function flood(
  requests: Iterable<Sent>,
  heard: (response: IncomingMessage, sent: Sent) => void = () => undefined,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const queue = requests[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      heard(await send(next.value, agent), next.value);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  agent.destroy();
}

function send({ url, method = "GET", headers = {} }: Sent, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers }, (response) => {
      response
        .once("error", reject)
        .once("end", () => resolve(response))
        .resume();
    });
    sent
      .once("error", (error: NodeJS.ErrnoException) => {
        // The server has closed a connection that was idle: https://nodejs.org/api/http.html#requestreusedsocket
        if (sent.reusedSocket && error.code === "ECONNRESET") resolve(send({ url, method, headers }, agent));
        else reject(error);
      })
      .end();
  });
}
