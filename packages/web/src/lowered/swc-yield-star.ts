import { AwaitMarker } from "./await-marker.ts";
import { createYieldStar } from "./yield-star.ts";

type YieldStar = ReturnType<typeof createYieldStar>;

/** In place of `@swc/helpers/_/_async_generator_delegate`, which is given what `swc-iterator.ts` opened. */
export const _: YieldStar = /* @__PURE__ */ createYieldStar(AwaitMarker);
