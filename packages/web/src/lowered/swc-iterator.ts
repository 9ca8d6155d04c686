/** In place of `@swc/helpers/_/_async_iterator`. */
export { openIterator as _ } from "./open-iterator.ts";
