/** What a lowered async generator yields where the native one awaits. */
export interface Await {
  readonly 0: unknown;
  /** The method that takes the awaited value, if not `next`; `yield`: not awaited, the caller gets it as it is. */
  readonly 1?: "return" | "yield" | undefined;
}

export type AwaitClass = new (value: unknown, how?: Await[1]) => Await;

/** The body of an async generator as compilers lower it: `await x` is `yield new Await(x)`. */
export type Body = Generator<unknown, unknown, unknown>;

export type Key = "next" | "return" | "throw";
