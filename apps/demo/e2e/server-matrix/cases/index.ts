import type { Case } from "../case.ts";
import type { Combination } from "../combinations.ts";
import { libraries } from "./libraries.ts";
import { pages } from "./pages.ts";
import { routeHandlers } from "./route-handlers.ts";
import { serverActions } from "./server-actions.ts";

/** Every theme; each is a file of this folder. */
const THEMES = [routeHandlers, pages, libraries, serverActions];

export function casesOf(combination: Combination): readonly Case[] {
  return THEMES.flatMap((cases) => cases(combination));
}
