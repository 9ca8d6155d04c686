import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";

export interface PolicySite {
  readonly url: string;
  readonly stop: () => void;
}

export interface PolicySiteOptions {
  /** What every answer has as its Content-Security-Policy. */
  readonly policy: string;
  /** By their paths; everything else is asked of another server. */
  readonly files?: ReadonlyMap<string, readonly [type: string, body: string]>;
  /** The whole address that this path has there. */
  readonly addressOf: (path: string) => string;
}

/** A site of its own in front of others, under a policy; the server behind it is told of the policy too. */
export async function startPolicySite({ policy, files, addressOf }: PolicySiteOptions): Promise<PolicySite> {
  const passOn = (incoming: IncomingMessage, response: ServerResponse): void => {
    const { method, headers, url = "/" } = incoming;
    const told = { ...headers, "content-security-policy": policy };
    const onward = request(addressOf(url), { method, headers: told }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, "content-security-policy": policy });
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    incoming.pipe(onward);
  };
  const server = createServer((incoming, response) => {
    const [type, body] = files?.get(incoming.url ?? "/") ?? [];
    if (type === undefined) passOn(incoming, response);
    else response.writeHead(200, { "content-type": type, "content-security-policy": policy }).end(body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** All that a page says of errors, and each violation of its policy: `script-src-elem http://…`. */
export async function watchComplaints(page: Page): Promise<readonly string[]> {
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.exposeFunction("tellViolation", (text: string) => complaints.push(text));
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
      (globalThis as unknown as { tellViolation(text: string): void }).tellViolation(
        `${effectiveDirective} ${blockedURI}`,
      ),
    ),
  );
  return complaints;
}
