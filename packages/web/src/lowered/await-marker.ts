import type { Await } from "./protocol.ts";

export class AwaitMarker implements Await {
  readonly 0: unknown;
  readonly 1?: Await[1];

  constructor(value: unknown, how?: Await[1]) {
    this[0] = value;
    this[1] = how;
  }
}
