import type { Case } from "../case.ts";
import type { Combination } from "../combinations.ts";
import { afterResponse } from "./after.ts";
import { controlFlow } from "./control-flow.ts";
import { libraries } from "./libraries.ts";
import { outbound } from "./outbound.ts";
import { pages } from "./pages.ts";
import { pagesApi, pagesProps } from "./pages-router.ts";
import { proxy } from "./proxy.ts";
import { rendering } from "./rendering.ts";
import { routeHandlers } from "./route-handlers.ts";
import { routerAnswers } from "./router-answers.ts";
import { serverActions } from "./server-actions.ts";
import { stale } from "./stale.ts";

/** Every theme; each is a file of this folder. */
const THEMES = [
  outbound,
  routeHandlers,
  pages,
  rendering,
  stale,
  pagesApi,
  pagesProps,
  controlFlow,
  afterResponse,
  proxy,
  routerAnswers,
  libraries,
  serverActions,
];

export function casesOf(combination: Combination): readonly Case[] {
  return THEMES.flatMap((cases) => cases(combination));
}
