import type { Awaiting } from "./awaiting.ts";
import type { AwaitClass, Body, Key } from "./protocol.ts";

type Result = IteratorResult<unknown, unknown>;

interface Request {
  readonly answer: (value: unknown, done: boolean) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Runs a lowered body as https://tc39.es/ecma262/#sec-asyncgenerator-objects says. Every wait is a `then`, which keeps
 * the context; a call that waits for an earlier one goes on in its own.
 *
 * `mend-esbuild.ts` copies its text: it uses nothing from outside.
 */
export class LoweredGenerator {
  readonly #body: Body;
  readonly #marker: AwaitClass;
  readonly #wait: Awaiting["wait"];
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;
  #place: "start" | "yield" | "delegate" | "end" = "start";

  static {
    const { asyncDispose } = Symbol as { readonly asyncDispose?: symbol };
    const value = function (this: LoweredGenerator): Promise<void> {
      return this.return().then(() => undefined);
    };
    if (asyncDispose) Object.defineProperty(LoweredGenerator.prototype, asyncDispose, { value });
  }

  constructor(body: Body, marker: AwaitClass, { wait }: Awaiting) {
    this.#body = body;
    this.#marker = marker;
    this.#wait = wait;
  }

  next(value?: unknown): Promise<Result> {
    return this.#ask("next", value);
  }

  return(value?: unknown): Promise<Result> {
    return this.#ask("return", value);
  }

  throw(error?: unknown): Promise<Result> {
    return this.#ask("throw", error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get [Symbol.toStringTag](): string {
    return "AsyncGenerator";
  }

  #ask(key: Key, value: unknown): Promise<Result> {
    return new Promise((resolve, reject) => {
      const request: Request = {
        answer: (value, done) => {
          this.#letNextRun();
          resolve({ value, done });
        },
        fail: (error) => {
          this.#letNextRun();
          reject(error);
        },
      };
      const run = () => this.#begin(key, value, request);
      if (this.#isBusy) return new Promise<void>((go) => this.#waiting.push(go)).then(run);
      this.#isBusy = true;
      return run();
    });
  }

  /** Before the answer is given, as in a native one: the next call runs ahead of whoever waits for this one. */
  #letNextRun(): void {
    const go = this.#waiting.shift();
    if (go) go();
    else this.#isBusy = false;
  }

  #begin(key: Key, value: unknown, request: Request): void {
    if (this.#place === "start" && key !== "next") this.#place = "end";
    if (this.#place === "end") this.#refuse(key, value, request);
    // A rejection that `return` brings is thrown at the `yield`; what `yield*` delegates to gets it as it is.
    else if (this.#place === "yield" && key === "return") this.#resume(key, value, request);
    else this.#step(key, value, request);
  }

  #refuse(key: Key, value: unknown, { answer, fail }: Request): void {
    if (key === "throw") fail(value);
    else if (key === "next") answer(undefined, true);
    else this.#wait(value, (awaited) => answer(awaited, true), fail);
  }

  #step(key: Key, input: unknown, request: Request): void {
    let result: Result | undefined;
    try {
      result = this.#body[key](input);
    } catch (error) {
      this.#place = "end";
      request.fail(error);
    }
    if (result?.done) this.#end(result.value, request);
    else if (result) this.#take(result.value, request);
  }

  /** Compilers do not lower `return x` to `return await x`. */
  #end(value: unknown, { answer, fail }: Request): void {
    this.#place = "end";
    if (value === undefined) answer(value, true);
    else this.#wait(value, (awaited) => answer(awaited, true), fail);
  }

  #take(output: unknown, request: Request): void {
    if (!(output instanceof this.#marker)) {
      this.#place = "yield";
      const answer = (awaited: unknown) => request.answer(awaited, false);
      this.#wait(output, answer, (error) => this.#step("throw", error, request));
    } else if (output[1] === "yield") {
      this.#place = "delegate";
      request.answer(output[0], false);
    } else this.#resume(output[1] ?? "next", output[0], request);
  }

  #resume(key: Key, value: unknown, request: Request): void {
    const step = (awaited: unknown) => this.#step(key, awaited, request);
    this.#wait(value, step, (error) => this.#step("throw", error, request));
  }
}
