/** Waits for something, and no longer than `ms`. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let cap: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    cap = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(cap);
}
