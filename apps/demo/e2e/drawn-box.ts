import { expect, type Locator } from "@playwright/test";

/** Where something of the viewer stands, which draws anew when spans come: what was located may be gone when it is measured. */
export async function boxOf(place: Locator, name = "the box") {
  let box: Awaited<ReturnType<Locator["boundingBox"]>> = null;
  await expect
    .poll(async () => {
      box = await place.boundingBox();
      return box;
    }, name)
    .not.toBeNull();
  if (!box) throw new Error(`${name} is not there`);
  return box as { readonly x: number; readonly y: number; readonly width: number };
}
