import type { SpanJson } from "@throughline/core";
import type { Combination } from "./combinations.ts";
import type { ServedApp } from "./server-app.ts";

/** One request, and the whole trace that it must leave. */
export interface Case {
  readonly title: string;
  /** Below the base path, without the trailing slash that some builds ask for; `{new}` is another word each time. */
  readonly path: string;
  /** What else the request is, GET when left out; headers and body may depend on what the app serves. */
  readonly init?: RequestInit | ((app: ServedApp) => Promise<RequestInit>);
  readonly status: number;
  /** `http.route`, left out where no route answers. The SERVER span is named `{method} {route}`. */
  readonly route?: string;
  /** `ERROR`, or `ERROR · exception`: what else the SERVER span's line ends with. */
  readonly marks?: string;
  /** The lines of `printTree` below the SERVER span; that of proxy.js is added where there is one. */
  readonly below: readonly string[];
  /** The SERVER span lasts at least as long. */
  readonly minMs?: number;
  /** Spans that may end after the SERVER span: work that goes on when the response is over. */
  readonly later?: readonly string[];
  /** Whether Next.js's router answers, for which Next.js opens no SERVER span. */
  readonly isRouters?: boolean;
  /** Whether the answer comes without Next.js, and so without its proxy. */
  readonly isBesideNext?: boolean;
  /** Whether another page answers in its place: with its verbose spans Next.js has forgotten the route by then. */
  readonly isReplaced?: boolean;
  /** What a tree does not show. */
  readonly inspect?: (seen: Seen) => void;
}

/** What one request left. */
export interface Seen {
  readonly spans: readonly SpanJson[];
  readonly server: SpanJson;
  readonly response: Response;
  readonly body: string;
}

/** The cases of one theme in one build. */
export type Cases = (combination: Combination) => readonly Case[];
