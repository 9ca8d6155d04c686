import { attempt } from "../start-all.ts";

/** Told when the app begins to read a response, whole or as a stream, and when that ends, once or more often. */
export interface BodyWatch {
  readonly started: (isStream?: boolean) => void;
  /** With the error when the body broke off. */
  readonly ended: (error?: unknown) => void;
}

const WHOLE_BODY = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"];

type Call = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Watches one response without reading it. The methods that read are covered on this very object: it stays
 * the browser's own `Response` (`instanceof`, `compileStreaming`, `body === body`), nothing is cloned, and no
 * byte is taken. A performance entry would also tell the last byte, but not of which of two equal requests,
 * and only after the app went on.
 */
export function watchBody(response: Response, watch: BodyWatch): void {
  const body = Object.getOwnPropertyDescriptor(Response.prototype, "body")?.get;
  for (const name of WHOLE_BODY) {
    cover(response, name, (read) => {
      // Somebody before us may have answered with a proxy of one, which has no body of its own.
      const stream: unknown = attempt(() => body?.call(response));
      // A second read, or one of a locked stream, fails without touching the body.
      if (response.bodyUsed || (stream instanceof ReadableStream && stream.locked)) return read();
      watch.started();
      return follow(read(), watch);
    });
  }
  cover(response, "clone", (clone) => {
    const copy = clone();
    if (copy instanceof Response) watchBody(copy, watch);
    return copy;
  });
  if (body === undefined) return;
  const seen = new WeakSet<ReadableStream>();
  Object.defineProperty(response, "body", {
    configurable: true,
    get() {
      const stream: unknown = body.call(this);
      // `clone` gives the response another stream.
      if (stream instanceof ReadableStream && !seen.has(stream)) {
        seen.add(stream);
        watchStream(stream, watch);
      }
      return stream;
    },
  });
}

function watchStream(stream: ReadableStream, watch: BodyWatch): void {
  cover(stream, "getReader", (open) => {
    const reader = open() as ReadableStreamDefaultReader;
    let released = false;
    watch.started(true);
    cover(reader, "releaseLock", (release) => {
      // No end: somebody else may read on.
      released = true;
      release();
    });
    reader.closed.then(
      () => watch.ended(),
      (error: unknown) => {
        if (!released) watch.ended(error);
      },
    );
    return reader;
  });
  cover(stream, "cancel", (cancel) => follow(cancel(), watch));
  cover(stream, "tee", (tee) => {
    const branches = tee() as readonly ReadableStream[];
    for (const branch of branches) watchStream(branch, watch);
    return branches;
  });
  cover(stream, "pipeTo", (pipe) => {
    watch.started(true);
    return follow(pipe(), watch);
  });
  cover(stream, "pipeThrough", (pipe, args) => {
    const [pair, options] = args as [ReadableWritablePair, StreamPipeOptions?];
    if (pair.writable.locked) return pipe();
    // What `pipeThrough` is by its own definition: https://streams.spec.whatwg.org/#rs-pipe-through
    stream.pipeTo(pair.writable, options).catch(() => undefined);
    return pair.readable;
  });
  for (const name of ["values", Symbol.asyncIterator]) {
    cover(stream, name, (iterate) => {
      watch.started(true);
      return watchIterator(iterate() as AsyncIterator<unknown>, watch);
    });
  }
}

function watchIterator(iterator: AsyncIterator<unknown>, watch: BodyWatch): AsyncIterableIterator<unknown> {
  const step = (result: Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> =>
    follow(result, watch, ({ done }) => done);
  return {
    next: () => step(iterator.next()),
    return: (value) => step(iterator.return?.(value) ?? Promise.resolve({ done: true, value })),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

// The derived promise, so that a rejection nobody handles is still reported as unhandled.
function follow<T>(
  result: T | Promise<T>,
  { ended }: BodyWatch,
  isLast: (value: T) => boolean | undefined = () => true,
): Promise<T> {
  return Promise.resolve(result).then(
    (value) => {
      if (isLast(value)) ended();
      return value;
    },
    (error: unknown) => {
      ended(error);
      throw error;
    },
  );
}

function cover(
  target: object,
  name: PropertyKey,
  replace: (call: () => unknown, args: readonly unknown[]) => unknown,
): void {
  const native: unknown = Reflect.get(target, name);
  if (typeof native !== "function") return;
  const value: Call = (...args) => {
    const call = (): unknown => Reflect.apply(native, target, args);
    // Of a locked stream everything fails without touching it.
    return Object(target).locked ? call() : replace(call, args);
  };
  Object.defineProperty(target, name, { configurable: true, writable: true, value });
}
