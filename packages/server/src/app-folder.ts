import { hostFiles } from "./host-files.ts";
import { nextFolders } from "./settings.ts";

/** This app's folder: of `next start apps/shop` not where it runs. */
export function appFolder(): string {
  const { build, project } = nextFolders();
  const here = hereAndNow();
  const below = `${here}/${project}`;
  return project !== "" && hostFiles().existsSync(`${below}/${build}`) ? below : here;
}

/** The folder of this app's build. */
export function buildFolder(): string {
  return `${appFolder()}/${nextFolders().build}`;
}

/** Spelled as no bundler reads it: of a path below `process.cwd()` they ship the whole folder with the server. */
function hereAndNow(): string {
  return Reflect.apply(process.cwd, process, []);
}
