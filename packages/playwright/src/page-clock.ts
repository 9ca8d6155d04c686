import type { Page } from "@playwright/test";

const ANSWER_TIMEOUT_MS = 500;

/**
 * What time it is in the pages, in milliseconds since the Unix epoch: browser spans are dated by that clock,
 * which may be another machine's, or a faked one. The runner's clock stands in where no page answers.
 */
export async function readPageClock(
  pages: readonly Page[],
): Promise<{ readonly least: number; readonly most: number }> {
  const answers = await Promise.all(pages.filter((page) => !page.isClosed()).map(readClock));
  const times = answers.flat();
  if (times.length === 0) times.push(Date.now());
  return { least: Math.min(...times), most: Math.max(...times) };
}

async function readClock(page: Page): Promise<readonly number[]> {
  let timer: NodeJS.Timeout | undefined;
  // An open dialog blocks the page's scripts.
  const silence = new Promise<readonly number[]>((resolve) => {
    timer = setTimeout(resolve, ANSWER_TIMEOUT_MS, []);
  });
  // Both, because performance.timeOrigin stays when the system clock is corrected.
  const answer = page
    .evaluate(() => [Date.now(), performance.timeOrigin + performance.now()])
    .catch(() => []);
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}
