import { createAwaiting } from "./awaiting.ts";
import { createOpenIterator, type OpenBy } from "./open-iterator.ts";

/** In place of `@swc/helpers/_/_async_iterator`. */
export const _: OpenBy = createOpenIterator(createAwaiting());
