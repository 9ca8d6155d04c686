/** What is running; of no other module, because it is part of the public types. */
export interface Tracing {
  /** Exports what has ended, then takes every patch and listener away. */
  stop(): Promise<void>;
  /** Resolves when the collector has answered for every span that has ended. */
  flush(): Promise<void>;
}
